//! Minor units: how many decimals a currency's amounts have, by ISO 4217.

/// Currencies without a minor unit.
const NONE: &[u8] = b"BIF BYR CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF";
/// Currencies of thousandths.
const THREE: &[u8] = b"BHD IQD JOD KWD LYD OMR TND";
/// Units of account of ten-thousandths.
const FOUR: &[u8] = b"CLF UYW";
/// Currencies of hundredths, with some that are no more, for old records.
const TWO: &[u8] = b"AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD \
    BTN BWP BYN BZD CAD CDF CHE CHF CHW CNY COP COU CRC CUC CUP CVE CZK DKK DOP DZD EEK EGP ERN ETB \
    EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HRK HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW \
    KYD KZT LAK LBP LKR LRD LSL LTL LVL MAD MDL MGA MKD MMK MNT MOP MRO MRU MUR MVR MWK MXN MXV MYR \
    MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP \
    SLE SLL SOS SRD SSP STD STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED \
    VEF VES WST XCD XCG YER ZAR ZMW ZWG ZWL";

/// Returns the decimals of a currency's amounts; its code is three letters, capital or small.
pub fn decimals(code: &[u8]) -> Option<u8> {
    let tables = [(TWO, 2), (NONE, 0), (THREE, 3), (FOUR, 4)];
    let holds = |table: &[u8]| table.chunks(4).any(|entry| entry[..3].eq_ignore_ascii_case(code));
    tables.iter().find(|(table, _)| holds(table)).map(|(_, decimals)| *decimals)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn currencies() {
        for (code, expect) in [
            ("USD", Some(2)),
            ("usd", Some(2)),
            ("Zwl", Some(2)),
            ("JPY", Some(0)),
            ("kwd", Some(3)),
            ("CLF", Some(4)),
            ("IDR", Some(2)),
            ("BTC", None),
            ("840", None),
            ("US", None),
            ("USDX", None),
            ("SD ", None),
            ("", None),
        ] {
            assert_eq!(decimals(code.as_bytes()), expect, "{code}");
        }
        for table in [NONE, TWO, THREE, FOUR] {
            for entry in table.chunks(4) {
                assert!(entry[..3].iter().all(u8::is_ascii_uppercase), "{entry:?}");
                assert!(entry.get(3).is_none_or(|space| *space == b' '), "{entry:?}");
            }
        }
    }
}
