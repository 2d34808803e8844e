from shelf.store import words_of


def test_words_are_lower_case_and_two_letters_or_more():
    assert words_of("The ANCHOR, a keel!") == {"the", "anchor", "keel"}
