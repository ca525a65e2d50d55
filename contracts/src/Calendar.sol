// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Dates of the proleptic Gregorian calendar as the number yyyymmdd, and Unix seconds, in UTC
/// @dev Days are counted as in Howard Hinnant's "chrono-compatible low-level date algorithms".
library Calendar {
    /// @dev When a day ends, in seconds since 1970-01-01; the end of all time for a number that is no date from then on.
    function endOf(uint32 date) internal pure returns (uint256) {
        unchecked {
            (uint256 year, uint256 month, uint256 day) = (date / 10_000, date / 100 % 100, date % 100);
            if (year < 1970 || month < 1 || month > 12 || day < 1) return type(uint256).max;
            uint256 months = 12 * year + month - 3; // from March on, so that the day that comes and goes is the last
            year = months / 12;
            uint256 number =
                365 * year + year / 4 - year / 100 + year / 400 + (153 * (months % 12) + 2) / 5 + day - 719_469;
            return dateOf(number) == date ? (number + 1) * 1 days : type(uint256).max;
        }
    }

    /// @dev The first day of the month after the one of a time in seconds since 1970-01-01.
    function nextMonth(uint256 time) internal pure returns (uint32) {
        unchecked {
            uint32 month = dateOf(time / 1 days) / 100;
            return (month % 100 == 12 ? month + 89 : month + 1) * 100 + 1;
        }
    }

    /// @dev The date of a number of days since 1970-01-01.
    function dateOf(uint256 number) internal pure returns (uint32) {
        unchecked {
            uint256 shifted = number + 719_468; // from 0000-03-01
            uint256 era = shifted / 146_097;
            uint256 ofEra = shifted % 146_097;
            uint256 yearOfEra = (ofEra - ofEra / 1460 + ofEra / 36_524 - ofEra / 146_096) / 365;
            uint256 ofYear = ofEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100);
            uint256 month = (5 * ofYear + 2) / 153; // March is 0
            uint256 day = ofYear - (153 * month + 2) / 5 + 1;
            uint256 year = era * 400 + yearOfEra + (month > 9 ? 1 : 0);
            return uint32(year * 10_000 + (month > 9 ? month - 9 : month + 3) * 100 + day);
        }
    }
}
