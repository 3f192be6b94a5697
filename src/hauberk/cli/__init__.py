"""The command line: parse, call, print, exit. One file a command, imported when it is called."""
