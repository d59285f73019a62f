"""Progress output, callbacks, and the warning of a fit that failed."""
