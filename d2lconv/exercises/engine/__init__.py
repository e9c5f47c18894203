"""Run a function safely, compare it with the truth, recognise its mistake, report: knows no single exercise.

The way of a check, which `check` goes: a `Problem` of an `Exercise` is given to the function, its arguments as it
names them (`binding`), in a thread of its own (`sandbox`, which puts its `surroundings` back). What that did is an
`Outcome`; compared with the truth (`values`) it is a `Trial`, with a `Fault` or with none. All trials together become
the findings of a `Report`: how far the function came (`feedback`), and then either the misconceptions whose wrong
answers do the same (`recognise`), or what all wrong results have in common (`observe`), or what a right function
loses (`notes`). `show` writes the numbers.
"""
