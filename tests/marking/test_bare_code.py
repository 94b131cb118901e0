"""Code is made comparable by the rules of copydetect, and each character leads back to where it stood."""

from hypothesis import given, settings
from hypothesis import strategies as st

from grader.marking.shared_code import filtered, traced, without_padding

# What copydetect 0.5.0 makes of each, word for word.
FILTERED = {
    "": "", "x": "V", "#": "", "\n\n": "", "%%bash\n!ls -l": "%%V!V-V", "x\r\ny\x0cz\u2028w": "VVVV", "x = 'open": 'V="S',
    'def (((\0 \ud800 é\'"""': 'def(((\0\ud800V""""', "#!/usr/bin/x\n@decorated\ndef f(): pass": "@decorateddefF():pass",
    "class A(B):\n    'doc'\n    x = f'{a!r}' # said\n": 'classO(V):"S"V=S"SVS"', '"""\nopen too': "SSSS",
    "from keras import layers\n@keras.saving.register\nclass Net(keras.Model):\n    def call(self, x, training=False):\n"
    '        return self.dense(x * 2.5) if x is not None else f"none {x!r}"\n': "fromkerasimportV@keras.V.VclassO(V.V):"
    'defF(self,V,V=False):returnself.V(V*2.5)ifVisnotNoneelseS"SSVS"',
    "try:\n    history = model.fit(x_train, epochs=3)\nexcept ValueError as error:\n    print(len(range(10)), \"a\" 'b')\n":
    'try:V=V.V(V,V=3)exceptValueErrorasV:print(len(range(10)),"S""S")',
}  # fmt: skip


def test_code_looks_as_copydetect_makes_it_look() -> None:
    assert {source: filtered(without_padding(source)) for source in FILTERED} == FILTERED


code = st.lists(
    st.sampled_from(
        ["x", "model.fit", "(", ")", "'text'", "# said", "\n", "    ", "\t", " ", "=", "12", ", ", '"' * 3, "class A", "é",
         "\r", "\f", "\u2028", "[" + "1, " * 50 + "]", "'" + "long " * 50 + "'", "%%time", "\\", "\ufeff", "\ud800"]
    )
).map("".join)  # fmt: skip


@settings(deadline=None, max_examples=300)
@given(code)
def test_each_character_leads_back_to_where_it_stood(source: str) -> None:
    found = traced(source, 10_000)
    assert found.text == filtered(without_padding(source))
    assert len(found.starts) == len(found.ends) == len(found.text)
    for letter, begin, end in zip(found.text, found.starts.tolist(), found.ends.tolist(), strict=True):
        assert 0 <= begin <= end <= len(source)
        if letter not in 'VFOSP"0':
            assert source[begin:end] == letter or source[begin:end].isspace() or begin == end


def test_only_so_much_of_it_is_compared() -> None:
    found = traced("# said\n" + "x = y + 1\n" * 100, 50)
    assert found.text == filtered(without_padding("x = y + 1\n" * 100)[:50])
    assert found.ends.max() <= 60
