package dashboard

import (
	"testing"

	"github.com/layergateway/layergateway/cost"
)

func TestMoney(t *testing.T) {
	const micro = cost.Amount(1_000_000)
	for amount, want := range map[cost.Amount]string{
		0: "$0", 1: "$0.000000000001", 1_234 * micro: "$0.0012", 12_345 * micro: "$0.0123", 999_999 * micro: "$1.0000",
		1_000_000 * micro: "$1.00", 1_004_000 * micro: "$1.00", 1_006_000 * micro: "$1.01", 7_500_000 * micro: "$7.50",
		9_994_000 * micro: "$9.99", 9_996_000 * micro: "$10.00", -9_996_000 * micro: "−$10.00", 99_996_000 * micro: "$100.00",
		999_996_000 * micro: "$1,000.00", 1_234_567_890_000 * micro: "$1,234,567.89", 999_999_996_000 * micro: "$1,000,000.00",
	} {
		if got := money(amount); got != want {
			t.Errorf("%s is shown as %s, want %s", amount, got, want)
		}
	}
}
