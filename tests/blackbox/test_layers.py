"""scripts/layers on small invented trees: what it lets pass, and what it finds."""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import harness

LAYERS = pathlib.Path(__file__).parents[2] / "scripts/layers"

CLEAN = {
    "include/podop/buf.h": "void buf_add(void);",
    "include/podop/parse.h": "enum parse { PARSE_DONE };",
    "src/base/buf.c": '#include "podop/buf.h"\nvoid buf_add(void) {}',
    "include/podop/table.h": '#include "podop/parse.h"\nvoid table_open(void);',
    "src/table/table_base.h": '#include "podop/buf.h"\nvoid table_ref(void);',
    "src/table/table_base.c": '#include "table_base.h"\nvoid table_ref(void) { buf_add(); }',
    "src/table/url/url_table.h": "void url_lookup(void);",
    "src/table/url/url_table.c": '#include "url_table.h"\n#include "table/table_base.h"\n'
                                 "void url_lookup(void) { table_ref(); }",
    "src/table/table.c": '#include "podop/table.h"\n#include "url/url_table.h"\n'
                         "void table_open(void) { url_lookup(); }",
    "src/protocol/dict.h": "void dict_feed(void);",
    "src/protocol/dict.c": '#include "dict.h"\n#include <podop/table.h>\nvoid dict_feed(void) { table_open(); }',
    "src/main.c": '#include "podop/buf.h"\n#include <stdio.h>\nint main(void) { buf_add(); }',
    "src/podopctl.c": '#include "podop/buf.h"\nint main(void) { buf_add(); }',
}


class Layers(harness.Case):
    def setUp(self):
        super().setUp()
        harness.need(shutil.which("cc"), "cc")
        harness.need(shutil.which("nm"), "nm")

    def tree(self, files):
        """Writes a tree."""
        root = pathlib.Path(tempfile.mkdtemp(dir=self.dir))
        for name, text in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text + "\n", encoding="ascii")
        return root

    def build(self, root):
        """Compiles a tree's sources as CMake would."""
        for path in root.glob("src/**/*.c"):
            built = root / "build/CMakeFiles/x.dir" / f"{path.relative_to(root)}.o"
            built.parent.mkdir(parents=True, exist_ok=True)
            subprocess.run(["cc", "-w", "-c", f"-I{root}/include", f"-I{root}/src", path, "-o", built], check=True)
        return root / "build"

    def layers(self, root, *options):
        """Checks a tree: the status, and what was printed."""
        done = subprocess.run([sys.executable, LAYERS, "--root", root, *options], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, check=False)
        return done.returncode, done.stdout

    def layers_of_build(self, files):
        root = self.tree(files)
        return self.layers(root, "--objects", self.build(root))

    def assert_found(self, files, *messages):
        """One fault for each message, in a clean tree with these files added or changed."""
        status, output = self.layers(self.tree({**CLEAN, **files}))
        self.assertEqual(status, 1, output)
        for message in messages:
            self.assertIn(message, output)
        self.assertIn(f"scripts/layers: {len(messages)} fault", output)

    def test_clean_tree(self):
        self.assertEqual(self.layers(self.tree(CLEAN)), (0, ""))
        self.assertEqual(self.layers_of_build(CLEAN), (0, ""))

    def test_circle_of_modules(self):
        self.assert_found({"src/base/mem.h": "", "src/base/mem.c": '#include "mem.h"\n#include "podop/buf.h"',
                           "src/base/buf.c": '#include "podop/buf.h"\n#include "mem.h"'},
                          "circle of 2 modules by #include lines:\n"
                          "    src/base/buf -> src/base/mem: src/base/buf.c:2 includes mem.h\n"
                          "    src/base/mem -> src/base/buf: src/base/mem.c:2 includes podop/buf.h\n")

    def test_long_circle(self):
        files = {f"src/base/{name}.h": f'#include "{other}.h"' for name, other in ("ab", "bc", "cd", "da")}
        self.assert_found({**files, "src/base/e.h": '#include "a.h"'}, "circle of 4 modules")

    def test_circle_of_headers(self):
        """Headers without a source, in include/ as well."""
        self.assert_found({"include/podop/a.h": '#include "podop/b.h"', "include/podop/b.h": '#include "podop/a.h"'},
                          "circle of 2 modules by #include lines:\n    include/podop/a -> include/podop/b: ")

    def test_two_circles(self):
        self.assert_found({f"src/base/{name}.h": f'#include "{other}.h"' for name, other in ("ab", "ba", "cd", "dc")},
                          "src/base/a -> src/base/b", "src/base/c -> src/base/d")

    def test_circle_of_calls(self):
        """Through a header that declares what another source defines, no #include leads back."""
        files = {**CLEAN, "src/table/table_base.c": "void commit(void); void table_ref(void) { commit(); }",
                 "src/table/commit.c": "void table_ref(void); void commit(void) { table_ref(); }"}
        self.assertEqual(self.layers(self.tree(files)), (0, ""))
        status, output = self.layers_of_build(files)
        self.assertEqual((status, output.splitlines()), (1, [
            "circle of 2 modules by symbols:",
            "    src/table/commit -> src/table/table_base: table_ref",
            "    src/table/table_base -> src/table/commit: commit",
            "scripts/layers: 1 fault"]))

    def test_arrow_up(self):
        self.assert_found({"src/base/mem.c": '#include "podop/buf.h"\n\n#include "protocol/dict.h"'},
                          'src/base/mem -> src/protocol/dict: src/base/mem.c:3 includes protocol/dict.h: '
                          'floor "base" is below "protocol"')

    def test_call_of_a_floor_above(self):
        files = {**CLEAN, "src/base/buf.c": "void dict_feed(void); void buf_add(void) { dict_feed(); }"}
        status, output = self.layers_of_build(files)
        self.assertEqual(status, 1)
        self.assertIn('src/base/buf -> src/protocol/dict: dict_feed: floor "base" is below "protocol"', output)

    def test_ground_and_roof_of_tables(self):
        """Both are in src/table; the types are between them."""
        self.assert_found({"src/table/commit.c": '#include "podop/table.h"'},
                          'src/table/commit -> src/table/table: src/table/commit.c:1 includes podop/table.h: '
                          'floor "table ground" is below "table roof"')
        self.assert_found({"src/table/commit.c": '#include "url/url_table.h"'},
                          'floor "table ground" is below "table types"')
        self.assert_found({"src/table/url/commit.c": '#include "podop/table.h"'},
                          'floor "table types" is below "table roof"')

    def test_types_know_nothing_of_each_other(self):
        self.assert_found({"src/table/dns/lookup.c": '#include "table/url/url_table.h"'},
                          'src/table/dns/lookup -> src/table/url/url_table: src/table/dns/lookup.c:1 includes '
                          'table/url/url_table.h: the folders of floor "table types" may not use each other')

    def test_podopctl_is_apart(self):
        """It may know the lines that a client of the protocols writes, but no session of theirs."""
        self.assertEqual(self.layers(self.tree({**CLEAN, "src/protocol/netstring.h": "",
                                                "src/ctl/postfix.c": '#include "protocol/netstring.h"'})), (0, ""))
        self.assert_found({"src/ctl/postfix.c": '#include "protocol/dict.h"'},
                          'floor "ctl" may not use "protocol"')

    def test_private_header_belongs_to_its_module(self):
        self.assertEqual(self.layers(self.tree({**CLEAN, "src/protocol/dict_private.h": '#include "dict.h"',
                                                "src/protocol/dict.c": '#include "dict_private.h"'})), (0, ""))

    def test_two_sources_of_one_name(self):
        """The header of include/ belongs to the source that includes it first."""
        self.assert_found({"include/podop/stats.h": "", "src/server/stats.c": '#include "podop/stats.h"',
                           "src/ctl/stats.c": '#include "podop/buf.h"\n#include "podop/stats.h"'},
                          "src/ctl/stats -> src/server/stats")

    def test_file_on_no_floor(self):
        self.assert_found({"src/attic/old.c": ""}, "src/attic/old: on no floor")

    def test_include_of_a_file_that_is_not_there(self):
        self.assert_found({"src/base/buf.c": '#include "podop/gone.h"'},
                          'src/base/buf.c:1: cannot tell which file "podop/gone.h" is')

    def test_objects_that_are_older_than_their_source(self):
        root = self.tree(CLEAN)
        build = self.build(root)
        os.utime(build / "CMakeFiles/x.dir/src/main.c.o", (1, 1))
        self.assertEqual(self.layers(root, "--objects", build), (
            1, f"src/main.c: not built in {build}, or changed since\nscripts/layers: 1 fault\n"))


if __name__ == "__main__":
    harness.main()
