#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The lines of `./run bench`: what the harness prints is in the format, and what isn't in the format is found."""
import contextlib
import io
import json
import pathlib
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "bench"))

from harness import idle, result


def printed(*arguments):
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        result.print_line(*arguments)
    return text.getvalue()


class Result(unittest.TestCase):
    def test_a_line_has_medians_and_their_ratio(self):
        text = printed("grpc", "unary-64B@split", "p50", "us", [30, 10, 20, 1000, 15], "grpc-c++", [40, 40, 40, 10, 90])
        self.assertEqual(text.count("\n"), 1)
        self.assertEqual(result.problems_of(text), [])
        line = json.loads(text)
        self.assertEqual((line["weft"], line["peer_value"], line["ratio"], line["runs"]), (20, 40, 0.5, 5))

    def test_a_line_without_peer_has_nulls(self):
        text = printed("chain", "idle-wakeups", "wakeups", "1/s", [1, 2, 1, 2, 1])
        self.assertEqual(result.problems_of(text), [])
        line = json.loads(text)
        self.assertEqual((line["peer"], line["peer_value"], line["ratio"]), (None, None, None))

    def test_what_breaks_the_format_is_named(self):
        good = json.loads(printed("grpc", "case", "p50", "us", [1] * 5, "peer", [2] * 5))
        for key, wrong in (("weft", "1"), ("runs", 4), ("ratio", 2), ("peer", None), ("unit", "")):
            with self.subTest(key=key):
                self.assertNotEqual(result.problems_of(json.dumps(dict(good, **{key: wrong}))), [])
        self.assertNotEqual(result.problems_of("{"), [])
        self.assertNotEqual(result.problems_of(json.dumps(dict(good, more=1))), [])


class IdleConnection(unittest.TestCase):
    def test_a_frame_has_its_nine_bytes_of_head(self):
        self.assertEqual(idle.frame(idle.DATA, idle.END_STREAM, 1, b"ab"),
                         bytes([0, 0, 2, 0, 1, 0, 0, 0, 1]) + b"ab")


if __name__ == "__main__":
    unittest.main()
