"""How notebooks are graded: by two processes for each, so that nobody can grade himself.

The judge holds the checkers, and runs no student's code. The student's process runs the notebook, and makes
no mark. Between them go arguments and answers as JSON, which cannot carry code: whatever a notebook does to
its own torch, its own checkers or its own Python, the marks are made elsewhere.

    judge.py                                        checks the functions of one notebook after the other
       | asks for a process     | asks questions
    server.py                   |                   starts the sandbox, in bubblewrap or not
       |                        | wire.py
    sandbox.py                  |                   forks a process for each notebook, and limits it
       | becomes                |
    notebook.py  ---------------+                   runs the cells, calls the functions
"""
