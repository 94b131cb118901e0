"""The review desk: a local web application in which people look at a class, decide, comment and publish.

`access` opens the port and decides which requests are answered, `desk` holds the class (results on disk, grades and
decisions of the gradebook), `application` maps addresses to pages. Each page has a file of its own that makes plain values
of the class; templates stand in `reports/templates/review`. Every decision is an entry of the gradebook's log
(`grader.core.decision_log`); what a student gets is decided in `grader.gradebook.decide_grade`, as everywhere.
"""
