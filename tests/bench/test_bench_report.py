# SPDX-License-Identifier: Apache-2.0
"""Goals, table, plots and document of bench/peers, from a recorded run of a few cases."""

import contextlib
import io
import json
import sys
import tempfile
import unittest
import xml.etree.ElementTree
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "bench" / "peers"))
import cases
import goals
import plots
import report
import table

RESULTS = json.loads((HERE / "recorded_results.json").read_text("utf-8"))
CASES = RESULTS["cases"]


def printed(function, *arguments):
    with contextlib.redirect_stdout(io.StringIO()) as output:
        function(*arguments)
    return output.getvalue()


class Goals(unittest.TestCase):
    def find(self, part):
        return next(goal for goal in goals.every_goal(CASES) if part in goal.text)

    def test_ratio_is_of_minima_and_of_the_best_peer(self):
        # osprey 10 and 80 ms; the best peers 15 and 100: 1.5 and 1.25
        goal = self.find("batch 1, 8, 32, int8")
        self.assertAlmostEqual(goal.measured, (1.5 * 1.25) ** 0.5)
        self.assertIn("2 of 9 cases measured; least 1.25x", goal.note)
        self.assertEqual(goal.verdict, "hit so far")

    def test_a_miss_says_by_how_much(self):
        goal = self.find("at batch 1: the least of")  # PyTorch fp32 50 ms, osprey int8 10: 5 of 6
        self.assertAlmostEqual(goal.measured, 5)
        self.assertEqual(goal.verdict, "missed by 17% so far")

    def test_what_was_not_measured_is_no_miss(self):
        self.assertEqual(self.find("ViT-H/14").verdict, "not measured")
        self.assertEqual({goal.verdict for goal in goals.every_goal({})}, {"not measured"})

    def test_photographs(self):
        self.assertAlmostEqual(self.find("JPEG").measured, 2)  # osprey's own halves are no peers
        self.assertAlmostEqual(self.find("slower of decoding").measured, 0.8)


class Output(unittest.TestCase):
    def test_table_marks_a_busy_machine(self):
        busy = printed(table.print_case, "vit-b-32/image/8/int8", CASES["vit-b-32/image/8/int8"])
        self.assertIn("1.25x as fast (best peer)", busy)
        self.assertIn("other programs took 40% of the machine", busy)
        calm = printed(table.print_case, "vit-b-32/image/1/int8", CASES["vit-b-32/image/1/int8"])
        self.assertNotIn("other programs", calm)

    def test_plots_are_xml_with_a_bar_for_each_program(self):
        svg = xml.etree.ElementTree.fromstring(plots.image_towers(CASES, "int8"))
        colours = [e.get("fill") for e in svg.iter() if e.tag.endswith("rect")]
        self.assertEqual(colours.count(plots.COLOURS["osprey"]), 3)  # the legend, two cases
        self.assertIsNone(plots.image_towers(CASES, "bf16"))

    def test_document_keeps_what_stands_around(self):
        with tempfile.TemporaryDirectory() as folder:
            document = Path(folder) / "page.md"
            document.write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n", "utf-8")
            report.write(RESULTS, document)
            once = document.read_text("utf-8")
            report.write(RESULTS, document)
            self.assertEqual(document.read_text("utf-8"), once)
            self.assertTrue((Path(folder) / "performance-int8.svg").exists())
        self.assertTrue(once.startswith("before\n") and once.endswith("\nafter\n"))
        self.assertNotIn("old", once)
        self.assertIn("| vit-b-32/image/8/int8 * | osprey | 80.00 |", once)


class Cases(unittest.TestCase):
    def test_names_are_distinct_and_patterns_choose(self):
        names = [case.name for case in cases.every_case()]
        self.assertEqual(len(names), len(set(names)))
        chosen = [case.name for case in cases.chosen("vit-b-32/image/*/int8", False)]
        self.assertEqual(chosen, [f"vit-b-32/image/{batch}/int8" for batch in (1, 8, 32)])
        self.assertEqual(cases.chosen("no such case", False), [])

    def test_goals_ask_for_cases_that_there_are(self):
        outcome = {"images": 100, "other_load": 0, "programs": {
            name: {"ms_min": 1.0} for name in ("osprey", "pytorch", "onnxruntime", "openvino",
                                               "osprey-decode", "osprey-model")}}
        for goal in goals.every_goal({case.name: outcome for case in cases.every_case()}):
            self.assertIsNotNone(goal.measured, goal.text)
            self.assertTrue(goal.whole, goal.text)


if __name__ == "__main__":
    unittest.main()
