"""Run a function safely, compare it with the truth, recognise its mistake, report: knows no exercise."""
