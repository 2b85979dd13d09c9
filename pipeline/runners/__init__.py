"""The engines that a run can be given to: their options, and what each needs before a job starts."""
