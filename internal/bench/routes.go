package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"time"
)

// prepareRoutes starts a server whose project has accounts at two gateways beside the sandbox. Their servers are in this process, tell
// prices at once, and are never the best, so that each order is made at the sandbox.
func (b *bench) prepareRoutes(ctx context.Context, binary string) error {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	b.prices = &http.Server{Handler: http.HandlerFunc(tellPrice), ReadHeaderTimeout: time.Second}
	go func() { _ = b.prices.Serve(l) }()
	db, err := newDatabase(ctx, binary, "sqlite:"+filepath.Join(b.dir, "routed.db"))
	if err != nil {
		return err
	}
	keys, err := db.createProject(ctx, "routed")
	if err != nil {
		return err
	}
	base := "apiBaseURL=http://" + l.Addr().String()
	for _, account := range [][]string{
		{"moonpay", base, "apiKey=pk_test_key", "secretKey=sk_test_key", "webhookKey=wk_test_key"},
		{"transak", base, "apiKey=key", "apiSecret=secret", "referrerDomain=shop.example"},
	} {
		if _, err := db.command(ctx, append([]string{"gateway", "set", "--project", keys.ProjectID}, account...)...); err != nil {
			return err
		}
	}
	// Loopback is a trusted proxy, so that the payer has an address that gateways take.
	b.routed, err = db.serve(b.cpuprofile != "", "SLIPROAD_TRUSTED_PROXIES=127.0.0.0/8")
	if err == nil {
		b.routed.project = keys
	}
	return err
}

// tellPrice answers as MoonPay and Transak do when they are asked for a price.
func tellPrice(w http.ResponseWriter, r *http.Request) {
	switch {
	case strings.HasSuffix(r.URL.Path, "/buy_quote"):
		_, _ = fmt.Fprint(w, `{"baseCurrencyAmount":95.01,"quoteCurrencyAmount":0.001,"quoteCurrencyPrice":95010,"feeAmount":3.99,"extraFeeAmount":0,`+
			`"networkFeeAmount":1,"totalAmount":100,"paymentMethod":"credit_debit_card"}`)
	case strings.HasSuffix(r.URL.Path, "/quotes"):
		_, _ = fmt.Fprint(w, `{"response":{"quoteId":"q1","conversionPrice":0.00001,"fiatCurrency":"USD","cryptoCurrency":"ETH","fiatAmount":100,`+
			`"cryptoAmount":0.00099,"isBuyOrSell":"BUY","network":"ethereum","paymentMethod":"credit_debit_card","totalFee":1,`+
			`"feeBreakdown":[{"name":"Transak fee","value":1,"id":"transak_fee"}]}}`)
	default:
		http.NotFound(w, r)
	}
}
