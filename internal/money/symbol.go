package money

import "strings"

// symbols are the signs that an English text knows each currency by. A sign stands for one currency only, so that no amount
// is read in another: "$" is the dollar of the United States.
const symbols = `
	USD $  EUR €  GBP £  JPY ¥  AUD A$ BRL R$ CAD CA$ CNY CN¥ HKD HK$ ILS ₪  INR ₹ KRW ₩ MXN MX$ NZD NZ$ PHP ₱
	TWD NT$ VND ₫ XAF FCFA XCD EC$ XPF CFPF NGN ₦ TRY ₺ UAH ₴ PLN zł CZK Kč THB ฿ KZT ₸ GEL ₾ CRC ₡ PYG ₲
	KHR ៛  LAK ₭  MNT ₮  AZN ₼  RUB ₽  AMD ֏  BDT ৳  HUF Ft GHS GH₵`

var symbolByCode = parseSymbols(symbols)

func parseSymbols(table string) map[string]string {
	fields := strings.Fields(table)
	byCode := make(map[string]string, len(fields)/2)
	for i := 0; i < len(fields); i += 2 {
		byCode[fields[i]] = fields[i+1]
	}
	return byCode
}

// Symbol is the currency's sign, such as €, or its code where it has none of its own.
func (c Currency) Symbol() string {
	if s, ok := symbolByCode[c.Code]; ok {
		return s
	}
	return c.Code
}
