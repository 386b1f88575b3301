from evalkit.cli.tables import MOST_ROWS, print_left_out


def test_a_table_says_what_it_had_no_room_for(capsys):
    print_left_out(MOST_ROWS, "variants")
    assert capsys.readouterr().out == ""
    print_left_out(10_000, "variants")
    assert "9,500 more variants" in capsys.readouterr().out
