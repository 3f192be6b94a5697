"""Where work runs: in this process, in worker processes, in a confined cell for what is hostile.

`inline.Inline` and `workers.Workers` are Runners; `sandbox.Sandbox` starts a confined process;
`progress.Display` shows how far the jobs are.
"""
