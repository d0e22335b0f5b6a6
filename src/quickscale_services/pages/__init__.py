"""The pages that people see: services, their runs and their keys."""
