package browsertest_test

import (
	"os"
	"testing"

	"github.com/sliproad/sliproad/internal/browsertest"
)

func TestMain(m *testing.M) { os.Exit(browsertest.Main(m)) }
