"""The notebooks' hygiene, and proof that the checks of the notebooks can fail."""

import ast
import base64
import copy
import inspect
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from d2lconv import loops, tiling
from notebooks import code_cells, miniature, nbval, read, write
from tools.notebooks import METADATA

ROOT = Path(__file__).parent.parent
NOTEBOOKS = sorted((ROOT / "book").glob("*.ipynb"))
TAGS = {"hide-input", "nbval-ignore-output"}
LONGEST_CELL, WIDEST_LINE, LARGEST_FILE = 8, 76, 400_000


def source(cell):
    return "".join(cell["source"])


def never_executed_in_order(notebook):
    """List the counts of the code cells, if they are not 1, 2, 3 and so on."""
    counts = [cell["execution_count"] for cell in code_cells(notebook)]
    return [] if counts == list(range(1, len(counts) + 1)) else counts


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request):
    return read(request.param)


def test_every_code_cell_was_executed_in_order(notebook):
    assert not never_executed_in_order(notebook)


def test_no_cell_is_longer_than_a_reader_can_hold(notebook):
    long = [source(cell) for cell in code_cells(notebook) if len(source(cell).splitlines()) > LONGEST_CELL]
    assert not long


def test_no_line_of_code_is_wider_than_a_page(notebook):
    lines = [line for cell in code_cells(notebook) for line in source(cell).splitlines()]
    assert not [line for line in lines if len(line) > WIDEST_LINE]


def test_no_tag_is_misspelt(notebook):
    assert {tag for cell in notebook["cells"] for tag in cell["metadata"].get("tags", [])} <= TAGS


def test_only_measurements_escape_the_comparison(notebook):
    for cell in code_cells(notebook):
        if "nbval-ignore-output" in cell["metadata"].get("tags", []):
            assert re.search(r"time|seconds|measure|bench", source(cell)), source(cell)


def test_no_cell_ends_in_a_semicolon(notebook):
    assert not [cell for cell in code_cells(notebook) if source(cell).rstrip().endswith(";")]


def test_no_output_is_an_error_or_a_warning(notebook):
    outputs = [output for cell in code_cells(notebook) for output in cell["outputs"]]
    assert not [o for o in outputs if o["output_type"] == "error" or o.get("name") == "stderr"]


def test_no_markdown_needs_sphinx_to_be_read(notebook):
    text = "\n".join(source(cell) for cell in notebook["cells"] if cell["cell_type"] == "markdown")
    assert not re.search(r"^```\{|^:::|\{[a-z:]+\}`", text, flags=re.MULTILINE)


def test_the_first_code_cell_installs_the_package_in_colab_only():
    first = {source(code_cells(read(path))[0]) for path in NOTEBOOKS}
    tags = [code_cells(read(path))[0]["metadata"].get("tags") for path in NOTEBOOKS]
    assert len(first) == 1
    assert tags == [["hide-input"]] * len(NOTEBOOKS)
    assert '"google.colab" in sys.modules' in first.pop()


def test_no_cell_installs_anything_outside_colab(notebook):
    installing = [cell for cell in code_cells(notebook) if "pip install" in source(cell)]
    assert installing
    for cell in installing:
        assert cell["metadata"].get("tags") == ["hide-input"]
        assert re.search(r'^if "google.colab" in sys.modules:\n    %pip install .*$\Z', source(cell), re.MULTILINE)


def test_nothing_but_what_make_notebooks_leaves_is_stored(notebook):
    assert notebook["metadata"] == METADATA
    assert all(set(cell["metadata"]) <= {"tags"} for cell in notebook["cells"])


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_file_stays_small(path):
    assert path.stat().st_size < LARGEST_FILE


def test_every_page_stands_in_the_table_of_contents():
    listed = set(re.findall(r"(?:file|root): *(\S+)", (ROOT / "_toc.yml").read_text()))
    pages = {p.stem for p in (ROOT / "book").iterdir() if p.suffix in {".md", ".ipynb"}}
    assert listed == pages


def test_the_reference_has_each_function_that_the_docstrings_of_the_tiles_name():
    reference = (ROOT / "book/reference.md").read_text(encoding="utf-8")
    named = re.findall(r"(?<!`)`(\w+)`(?!`)", tiling.__doc__ + tiling.TiledConv.__doc__)
    assert {"correlate_with_bias", "correlate_tiles"} <= {*named}
    assert [name for name in named if not re.search(rf"\b{name}\b", reference)] == []


def test_the_landing_page_shows_the_photograph_of_the_first_chapter():
    cells = code_cells(read(ROOT / "book" / "input_channels.ipynb"))
    pictures = [output["data"]["image/jpeg"] for cell in cells for output in cell["outputs"]
                if "image/jpeg" in output.get("data", {})]
    assert [base64.b64decode(picture) for picture in pictures] == [(ROOT / "book/_static/channels.jpg").read_bytes()]


def tree(function):
    """Give the syntax of a function without its docstring and its types."""
    function = copy.deepcopy(function)
    function.returns = None
    for argument in function.args.args:
        argument.annotation = None
    if ast.get_docstring(function):
        function.body = function.body[1:]
    return ast.dump(function)


@pytest.mark.parametrize("name", [
    "corr2d", "corr2d_multi_in", "corr2d_multi_in_out", "corr2d_multi_in_out_1x1"])
def test_the_definition_in_the_chapter_is_the_one_in_the_package(name):
    package, = ast.parse(inspect.getsource(getattr(loops, name).__wrapped__)).body
    in_chapters = [
        node for path in NOTEBOOKS if path.stem not in {"exercises", "solutions"}  # where readers write their own
        for cell in code_cells(read(path)) if "%" not in source(cell)
        for node in ast.parse(source(cell)).body if getattr(node, "name", "") == name]
    assert [tree(node) for node in in_chapters] == [tree(package)]


# From here on: the checks themselves. A copy of a chapter is spoilt, and must be noticed.

CHAPTER = ROOT / "book" / "input_channels.ipynb"


def test_one_changed_digit_in_one_stored_tensor_is_noticed(tmp_path):
    notebook = read(CHAPTER)
    stored = [o["data"]["text/plain"] for cell in code_cells(notebook) for o in cell["outputs"]
              if "data" in o and "[ 56.,  72.]" in "".join(o["data"]["text/plain"])]
    assert stored
    stored[0][:] = "".join(stored[0]).replace("72", "73").splitlines(keepends=True)
    result = nbval(write(notebook, tmp_path / "copy.ipynb"), folder=tmp_path)
    assert result.returncode == 1
    assert "1 failed" in result.stdout


def test_a_cell_that_was_never_executed_is_noticed():
    notebook = read(CHAPTER)
    code_cells(notebook)[3].update(execution_count=None, outputs=[])
    assert never_executed_in_order(notebook)


def test_cells_executed_out_of_order_are_noticed():
    notebook = read(CHAPTER)
    one, other = code_cells(notebook)[2:4]
    one["execution_count"], other["execution_count"] = other["execution_count"], one["execution_count"]
    assert never_executed_in_order(notebook)


class Elsewhere:
    """A result that prints as on a GPU, beside the text that the CPU has stored."""

    short = ("tensor([1., 2.], device='cuda:0')", "tensor([1., 2.])")
    long = ("tensor([[0.1000, 0.2000]],\n       device='cuda:0')", "tensor([[0.1000, 0.2000]])")
    graph = ("tensor(3., device='cuda:0', grad_fn=<SumBackward0>)", "tensor(3., grad_fn=<SumBackward0>)")


@pytest.mark.parametrize("on_gpu_and_cpu", [Elsewhere.short, Elsewhere.long, Elsewhere.graph])
def test_the_device_of_a_tensor_is_not_compared(on_gpu_and_cpu, tmp_path):
    on_gpu, on_cpu = on_gpu_and_cpu
    printing = f"type('Tensor', (), dict(__repr__=lambda self: {on_gpu!r}))()"
    result = nbval(write(miniature((printing, on_cpu)), tmp_path / "copy.ipynb"), folder=tmp_path)
    assert result.returncode == 0, result.stdout


def test_a_different_number_beside_a_device_is_still_noticed(tmp_path):
    printing = "type('Tensor', (), dict(__repr__=lambda self: \"tensor([9.], device='cuda:0')\"))()"
    result = nbval(write(miniature((printing, "tensor([1.])")), tmp_path / "copy.ipynb"), folder=tmp_path)
    assert result.returncode == 1


@pytest.mark.skipif(os.name != "posix", reason="a socket is no file there")
def test_a_kernel_takes_no_port_that_another_may_want(tmp_path):
    asking = miniature(("get_ipython().kernel.parent.transport", "'ipc'"))
    result = nbval(write(asking, tmp_path / "copy.ipynb"), folder=tmp_path)
    assert result.returncode == 0, result.stdout


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_the_gpu_lane_fails_where_there_is_no_gpu():
    result = subprocess.run(["make", "test-gpu", f"PYTHON={sys.executable}"], cwd=ROOT,
                            capture_output=True, text=True, timeout=120)
    assert result.returncode != 0
    assert "D2LCONV_DEVICE asks for 'cuda', which is not available here" in result.stderr
