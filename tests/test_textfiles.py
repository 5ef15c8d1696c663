"""Texts and tables as editors, spreadsheets and shells save them, and CSV as spreadsheets open it."""

import codecs
import csv
import io

import pytest

from fmexplore.errors import ConfigError
from fmexplore.textfiles import csv_text, decode_text, read_table

TEXT = "file,fmnist\nhémd – 1.jpg,6\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"])
def test_every_usual_encoding_is_read(encoding):
    assert decode_text(TEXT.encode(encoding), "a.csv") == TEXT


def test_the_marks_of_both_byte_orders_are_read():
    for mark, encoding in ((codecs.BOM_UTF16_BE, "utf-16-be"), (codecs.BOM_UTF32_BE, "utf-32-be")):
        assert decode_text(mark + TEXT.encode(encoding), "a.csv") == TEXT


@pytest.mark.parametrize(
    "content",
    [b"\x89PNG\r\n\x1a\n\0\0", b"\xff\xd8\xff\xe0\0\x10JFIF", codecs.BOM_UTF16_LE + b"a", bytes(range(128, 256))],
    ids=["png", "jpeg", "half a letter", "no code page"],
)
def test_what_is_no_text_is_named(content):
    with pytest.raises(ConfigError, match=r"a\.csv is not text"):
        decode_text(content, "a.csv")


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_table_is_read_with_each_separator_and_line_end(separator, end):
    lines = [["File", "fmnist ", "note"], ["a.jpg", " 3", '"x, y; z"'], ["b.jpg", "4 "]]
    text = "".join(separator.join(line) + end for line in lines)
    names, rows = read_table(text)
    assert names == ["file", "fmnist", "note"]
    wanted = [{"file": "a.jpg", "fmnist": "3", "note": "x, y; z"}, {"file": "b.jpg", "fmnist": "4", "note": ""}]
    assert rows == [(2, wanted[0]), (3, wanted[1])]


def test_the_line_that_names_the_separator_for_excel_is_followed():
    assert read_table("sep=|\nfile|fmnist\na,b.jpg|1\n") == (
        ["file", "fmnist"],
        [(3, {"file": "a,b.jpg", "fmnist": "1"})],
    )


def test_rows_without_content_are_left_out_and_keep_the_numbers_of_the_others():
    assert read_table("file,fmnist\n\n , \na.jpg,1\n")[1] == [(4, {"file": "a.jpg", "fmnist": "1"})]


def test_nothing_is_a_table_without_columns():
    assert read_table("") == ([], [])


def test_what_is_written_begins_with_the_mark_and_is_read_again():
    text = csv_text(["file", "fmnist"], [["hémd.jpg", 3]])
    assert text.encode().startswith(codecs.BOM_UTF8)
    assert read_table(decode_text(text.encode(), "a.csv"))[1] == [(2, {"file": "hémd.jpg", "fmnist": "3"})]


def test_no_text_is_written_as_a_formula_and_numbers_stay_numbers():
    cells = ["=1+1", "@x", "+cmd", "-a", "-0.5", "-1.2e-05", "", "a=b", -3]
    [row] = csv.reader(io.StringIO(csv_text(cells, []).lstrip("\ufeff")))
    assert row == ["'=1+1", "'@x", "'+cmd", "'-a", "-0.5", "-1.2e-05", "", "a=b", "-3"]
