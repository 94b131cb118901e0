"""A result and its evidence become pages that people read, and lines in a terminal. No page ever decides a mark.

`view` turns one submission into frozen values of ready words and plain numbers, with `headline`, `accuracy`, `network`
(whose numbers `shapes` explains), `training` and `cells`; `class_page` does the same for a class. `plots` draws SVG.
`html` fills the templates, one file a page, in the `language` that the rubric chooses; `terminal` says the same in
plain lines, and shows what a batch is doing. `wording` has the words that they share.

All is a pure function of its arguments but the reading of templates and catalogues. Text from strangers enters through
`grader.core.text.cleaned`: control characters and bidirectional overrides are shown, not obeyed.
"""
