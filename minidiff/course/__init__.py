"""The lessons as files: run, checked for form, handed out, marked and published as pages."""
