"""Currencies: how many decimal digits each has.

A small table, since reading the list of the ``iso4217`` package takes longer than importing the rest of the kernel; a
test holds the two together.  Units without minor units (gold, testing codes) hold no amounts and are not in it.

Definition: ISO 4217, list one of 1 January 2026, and the codes withdrawn since 2000, which old orders still carry.
"""

from __future__ import annotations

from crmkit.errors import InvalidInput
from crmkit.kernel.text import nearest, shown

_CURRENT = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    2: "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW "
    "CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR "
    "ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV "
    "MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD "
    "SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XAD XCD XCG YER ZAR ZMW ZWG",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
_WITHDRAWN = {
    0: "BEF BYR ESP GRD ITL LUF PTE TRL",
    2: "AFA ANG ATS AZM BGN CSD CUC CYP DEM EEK FIM FRF GHC HRK IEP LTL LVL MRO MTL MZM NLG ROL RUR SDD SIT SKK SLL "
    "SRG STD TMM VEB VEF YUM ZMK ZWL",
}

EXPONENTS: dict[str, int] = {
    code: exponent for table in (_CURRENT, _WITHDRAWN) for exponent, codes in table.items() for code in codes.split()
}
"""The decimal digits of each currency: 2 for ``CNY``, 0 for ``JPY``, 3 for ``BHD``."""


def exponent_of(currency: str) -> int:
    """Tell how many decimal digits a currency has, 0 to 4.

    Args:
        currency: the ISO 4217 code, in capitals.

    Raises:
        InvalidInput: there is no such code with minor units; the message offers the nearest one.

    Example:
        >>> exponent_of("JPY"), exponent_of("CNY"), exponent_of("BHD")
        (0, 2, 3)
    """
    try:
        return EXPONENTS[currency]
    except (KeyError, TypeError):
        known = nearest(str(currency), EXPONENTS)
        hint = f"did you mean {known!r}?" if known else "use a code such as 'CNY' or 'EUR'"
        raise InvalidInput(f"{shown(currency)} is no ISO 4217 code of a currency with an amount: {hint}") from None
