"""The report room: a Result and its Evidence become pages that people read.

The road is short and goes one way. `visible` makes every text harmless to the eye (bidi overrides and control
characters are shown, not obeyed). What a page says in its own voice is a value of `phrases`, which `languages` has
catalogues for; `words` is where most of the wording lives. `view` with `accuracy`, `network`, `training`, `functions`,
`mistakes` and `cells` turns one submission, `classroom` with `rows` and `troubles` a whole class, into frozen dataclasses
of ready phrases and plain numbers. `shapes` does the arithmetic of layers, which `explained` puts into words and `diagram`
draws. `plots` and `class_plots` draw numbers on `svg`'s canvas, which no text leaves as markup; `pictures` looks at
figures and makes them lighter. `html` is the only place that knows Jinja: it fills the templates it is pointed at into
single files that ask nothing of the network. `text` says the same in a terminal. Everything here is a pure function of
its arguments, but for `html` and `languages` reading templates and catalogues: no page ever decides a mark.
"""
