package gateway_test

import (
	"strings"
	"testing"

	"github.com/sliproad/sliproad/internal/gateway"
)

func TestOtherToken(t *testing.T) {
	t.Parallel()
	cases := []struct {
		code, network, contract string
		want                    bool
	}{
		{"USDC", "polygon", "0x3c499c542cEF5E3811e1192ce70d8cC03d5c3359", false},
		{"USDC", "polygon", strings.ToLower("0x3c499c542cEF5E3811e1192ce70d8cC03d5c3359"), false},
		{"USDC", "polygon", "0x2791Bca1f2de4661ED88A30C99A7a9449Aa84174", true},
		{"USDC", "arbitrum", "0xFF970A61A04b1cA14834A43f5dE4533eBDDB5CC8", true},
		{"USDC", "arbitrum", "0xaf88d065e77c8cC2239327C5EDb3A432268e5831", false},
		{"USDC", "polygon", "", false},
		{"USDC", "linea", "0x1", false},
		{"ETH", "polygon", "0x1", false},
		{"USDC", "solana", "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v", false},
		{"USDC", "solana", "epjfwdd5aufqssqem2qn1xzybapc8g4weggkzwytdt1v", true},
	}
	for _, tt := range cases {
		if got := gateway.OtherToken(tt.code, tt.network, tt.contract); got != tt.want {
			t.Errorf("OtherToken(%s, %s, %s) = %v", tt.code, tt.network, tt.contract, got)
		}
	}
}
