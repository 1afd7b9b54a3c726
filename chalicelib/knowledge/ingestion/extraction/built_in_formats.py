"""The number formats that a workbook names by number alone (ECMA-376 part 1, 18.8.30)."""

from __future__ import annotations

GENERAL = "General"
_DATE, _DATE_TIME = "yyyy-mm-dd", "yyyy-mm-dd h:mm"
_ACCOUNTING = "#,##0{d}_);(#,##0{d})"
# The formats that a file names by number alone.
BUILT_IN: dict[int, str] = {
    0: GENERAL, 1: "0", 2: "0.00", 3: "#,##0", 4: "#,##0.00",
    5: '"$"#,##0_);("$"#,##0)', 6: '"$"#,##0_);("$"#,##0)', 7: '"$"#,##0.00_);("$"#,##0.00)',
    8: '"$"#,##0.00_);("$"#,##0.00)', 9: "0%", 10: "0.00%", 11: "0.00E+00", 12: "# ?/?", 13: "# ??/??",
    14: _DATE, 15: "d-mmm-yy", 16: "d-mmm", 17: "mmm-yy", 18: "h:mm AM/PM", 19: "h:mm:ss AM/PM", 20: "h:mm",
    21: "h:mm:ss", 22: _DATE_TIME, 37: _ACCOUNTING.format(d=""), 38: _ACCOUNTING.format(d=""),
    39: _ACCOUNTING.format(d=".00"), 40: _ACCOUNTING.format(d=".00"), 41: _ACCOUNTING.format(d=""),
    42: '"$"#,##0_);("$"#,##0)', 43: _ACCOUNTING.format(d=".00"), 44: '"$"#,##0.00_);("$"#,##0.00)',
    45: "mm:ss", 46: "[h]:mm:ss", 47: "mm:ss.0", 48: "##0.0E+0", 49: "@",
    **dict.fromkeys((*range(27, 32), 36, *range(50, 59)), _DATE), 32: "h:mm", 33: "h:mm:ss", 34: "h:mm", 35: "h:mm:ss",
}  # fmt: skip
