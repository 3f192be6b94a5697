"""One file a format: `sniff` says whether the bytes are of it, `walk` reads them; nothing here loads anything."""
