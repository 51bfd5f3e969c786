"""Which characters the bytes of a text file mean."""

from __future__ import annotations

import codecs
import re

from noria.errors import WrongData

__all__ = ["decode_whole", "sniff"]

_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_CONTROLS = bytes(set(range(32)) - {9, 10, 12, 13, 27})
# Letters and signs of western European tables. Text of another alphabet, read as Windows-1252, is full of others.
_WESTERN = set("ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØÙÚÛÜÝßàáâãäåæçèéêëìíîïñòóôõöøùúûüýÿŒœŠšŽžŸ€£¥§°²³µ½¼¾«»·–—‘’“”…©®±\xa0¿¡ªº´")


def sniff(data: bytes, shown: str) -> str:
    r"""Find the encoding: a byte order mark, UTF-8, or western European.

    Parameters
    ----------
    data : bytes
        The file or its beginning.
    shown : str
        What to call it in an error.

    Raises
    ------
    WrongData
        The bytes are no text, or text in an encoding that has to be named.

    Examples
    --------
    >>> sniff("Größe\n1\n".encode("cp1252"), "a.csv")
    'cp1252'
    >>> sniff("Größe\n1\n".encode(), "a.csv")
    'utf-8'
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return encoding
    if _binary(data):
        raise WrongData(
            f"{shown} is not text",
            why=f"it begins with {data[:12]!r}",
            mend="export the table as CSV, Parquet or .xlsx",
            code="N-SOURCE-024",
        )
    if _is_utf8(data):
        return "utf-8"
    try:
        text = data.decode("cp1252")
    except UnicodeDecodeError:
        text = ""
    strange = [char for char in text if ord(char) > 127 and char not in _WESTERN]
    # Cyrillic or Greek read as Windows-1252 is whole words of accented letters; German or French is not.
    if text and not strange and not re.search(r"[\u00c0-\u00ff]{4}", text):
        return "cp1252"
    raise WrongData(
        f"{shown} is neither UTF-8 nor western European text",
        why=_first_trouble(data),
        mend="name its encoding: #encoding=cp1251 (Cyrillic), shift_jis, gb18030 … after the file's name",
        code="N-SOURCE-027",
    )


def decode_whole(data: bytes, encoding: str, shown: str, *, cut: bool) -> str:
    """Decode a beginning that may end in the middle of a character.

    Raises
    ------
    WrongData
        The encoding is unknown, or the bytes are not in it.
    """
    try:
        decoder = codecs.getincrementaldecoder("utf-8-sig" if encoding == "utf-8" else encoding)()
        return decoder.decode(data, final=not cut)
    except LookupError as error:
        raise WrongData(
            f"{shown}: there is no encoding {encoding!r}",
            mend="write a name Python knows: utf-8, cp1252, cp1251, shift_jis",
            code="N-SOURCE-027",
        ) from error
    except UnicodeDecodeError as error:
        raise WrongData(
            f"{shown} is not text in {encoding}",
            why=_first_trouble(data),
            mend="name another encoding, or leave the hint out to have it found",
            code="N-SOURCE-027",
        ) from error


def _binary(data: bytes) -> bool:
    if b"\x00" in data:
        return True
    controls = len(data) - len(data.translate(None, _CONTROLS))
    return controls > 0.01 * len(data)


def _is_utf8(data: bytes) -> bool:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(data)
    except UnicodeDecodeError:
        return False
    return True


def _first_trouble(data: bytes) -> str:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return f"line {line} holds the byte 0x{data[error.start]:02x}, which UTF-8 does not allow there"
    return ""
