#!/usr/bin/env python3
"""Writes unicode_tables.cpp: the ranges of letters (categories L*) and numbers (N*).

    python3 tinytorch/data/unicode_tables.py | clang-format-19 --assume-filename=x.cpp \
        >tinytorch/data/unicode_tables.cpp
"""
import sys
import unicodedata


def ranges(letter):
    found = []
    for c in range(0x110000):
        if unicodedata.category(chr(c))[0] == letter:
            if found and found[-1][1] == c - 1:
                found[-1][1] = c
            else:
                found.append([c, c])
    return ", ".join("{0x%X, 0x%X}" % (a, b) for a, b in found)


print(f"""// Made by unicode_tables.py from Unicode {unicodedata.unidata_version}: not edited by hand.
#include "tinytorch/data/unicode.h"

namespace tinytorch::data {{

namespace {{
constexpr CodePoints kLetterRanges[] = {{{ranges("L")}}};
constexpr CodePoints kNumberRanges[] = {{{ranges("N")}}};
}}  // namespace

const std::span<const CodePoints> kLetters = kLetterRanges;
const std::span<const CodePoints> kNumbers = kNumberRanges;

}}  // namespace tinytorch::data""")
