package asset_test

import (
	"strings"
	"testing"

	"github.com/sliproad/sliproad/internal/asset"
)

// FuzzCheckAddress: no input makes a check panic, contradict itself or accept what
// can't be shown in a URL.
func FuzzCheckAddress(f *testing.F) {
	for _, v := range checksummed {
		f.Add(v.addr)
	}
	for _, addr := range []string{
		"", contractSample, "0:ca6e321c7cce9ecedf0a8ca2492ec8592494aa5fb5ce0387dff96ef6af982a3e",
		"DdzFFzCqrhsgwQmeWNBTsG8VjYunBLK9GNR93GSLTGj1FeMm8kFoby2cTHxEHBEraHQXmgTtFGz7fThjDRNNvwzcaw6fQdkYySBneRas",
		"0xe51ff5cd221a81c3d6e22b9e670ddf99004d71de4f769b0312b68c7c4872e2f1", "illia.cheap-accounts.near",
		"EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGkZwyTDt1v", "bc1gmk9yu", "bitcoincash:", "addr1", "\xff", strings.Repeat("1", 300),
	} {
		f.Add(addr)
	}
	networks := asset.Networks()
	f.Fuzz(func(t *testing.T, addr string) {
		for _, n := range networks {
			result, err := n.CheckAddress(addr)
			if err != nil {
				if result != (asset.Result{}) || !strings.HasPrefix(err.Error(), "is not a valid "+n.Name+" address: ") {
					t.Errorf("%s %q: %+v, %v", n.ID, addr, result, err)
				}
				continue
			}
			if addr == "" || len(addr) > 255 || strings.Trim(addr, printable) != "" {
				t.Errorf("%s accepts %q", n.ID, addr)
			}
			if result.ChecksumMismatch && (asset.ChecksumEVM(addr) == addr || !asset.SameAddress(asset.ChecksumEVM(addr), addr)) {
				t.Errorf("%s %q: a mismatch without a right form", n.ID, addr)
			}
		}
		if !asset.SameAddress(addr, addr) {
			t.Errorf("%q is not the same as itself", addr)
		}
	})
}

// printable are the characters that any address form uses.
const printable = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ:.-_+/"
