"""The report that the specification shows, printed by the module with its wrong figure righted."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def report() -> str:
    command = [sys.executable, str(ROOT / "modules" / "12_attention" / "attention_dev.py")]
    run = subprocess.run(command, capture_output=True, text=True, encoding="utf-8")
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_the_checks_are_printed(report) -> None:
    for line in (
        "🔬 Unit Test: Scaled Dot-Product Attention...",
        "✅ Causal masking blocks future positions correctly",
        "📈 Progress: Scaled Dot-Product Attention ✓",
        "🔬 Unit Test: Multi-Head Attention...",
        "✅ 8 heads process 512 dimensions in parallel",
        "✅ Shape: (batch, seq, 512) → (batch, seq, 512) ✓",
        "📈 Progress: Multi-Head Attention ✓",
    ):
        assert line in report.splitlines()


def test_the_table_has_n_squared_values_and_4_bytes_each(report) -> None:
    rows = [line.split() for line in report.splitlines()]
    for n in (16, 32, 64, 128, 256):
        scaling = "1.0x" if n == 16 else "4.0x"
        row = [f"{n}", "|", f"{n * n:,}", "|", f"{n * n * 4 / 1024:.2f}", "|", scaling]
        assert row in rows


def test_16_mib_belong_to_one_head_of_gpt_3_not_to_a_layer(report) -> None:
    assert "16 MiB per head, 1.5 GiB per layer" in report
