"""The currencies that are in use, as ISO 4217 lists them, and their decimals. Raises Invalid with the field.

Without metals, funds and codes for tests; some codes of the last years are of 2024 and later (XCG, ZWG).
"""

from decimal import Decimal

from chatserver.errors import Invalid

_BY_DECIMALS = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF",
    2: "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP CRC CUP CVE"
    " CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR"
    " KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB"
    " PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY"
    " TTD TWD TZS UAH USD UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG",
    3: "BHD IQD JOD KWD LYD OMR TND",
}
_DECIMALS = {code: decimals for decimals, codes in _BY_DECIMALS.items() for code in codes.split()}
CODES = frozenset(_DECIMALS)


def checked(text: str, example: str) -> str:
    """The code in capitals of a currency that is in use."""
    code = text.strip().upper()
    if code not in CODES:
        raise Invalid.field("currency", f"must be the three letters of a currency of ISO 4217, such as {example}")
    return code


def decimals(code: str) -> int:
    """How many decimals amounts of a currency have."""
    return _DECIMALS[code]


def fits(amount: float, code: str) -> bool:
    """Whether an amount has no more decimals than its currency."""
    exact = Decimal(str(amount)).scaleb(decimals(code))
    return exact == exact.to_integral_value()
