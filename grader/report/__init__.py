"""The report room: a Result and its Evidence become pages that people read.

The road is short and goes one way. `visible` makes every text harmless to the eye (bidi overrides and control
characters are shown, not obeyed). `view` with `accuracy`, `network` and `cells` turns one submission, `classroom` a
whole class, into frozen dataclasses of ready words and plain numbers; `words` is where the wording lives. `shapes` does
the arithmetic of layers, which `explained` puts into words. `plots` draws those numbers as SVG, built as a tree so that
no text can become markup. `html` is the only place that knows Jinja: it fills the templates it is pointed at into
single files that ask nothing of the network. `text` says the same in a terminal. Everything here is a pure function of
its arguments, but for `html` reading templates: no page ever decides a mark.
"""
