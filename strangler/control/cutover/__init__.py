"""The cutover: writes and the ownership of their data go over in one step, or come back in one."""
