package durability_test

import (
	"flag"
	"os"
	"testing"

	"github.com/sliproad/sliproad/internal/sliproadtest"
)

func TestMain(m *testing.M) {
	os.Exit(sliproadtest.Main(m, func(tb testing.TB) {
		tb.Helper()
		if !sliproadtest.OnPostgres() {
			return
		}
		// There the tests wait for leases far more than they compute.
		if err := flag.Set("test.parallel", "16"); err != nil {
			tb.Fatal(err)
		}
	}))
}
