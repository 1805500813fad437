package relay

import "github.com/layergateway/layergateway/cost"

// plus is both bills as one. If either is unknown, so is the whole.
func plus(a, b cost.Bill) cost.Bill {
	if a.PriceVersion == "" {
		a.PriceVersion = b.PriceVersion
	}
	switch {
	case a.Status == cost.Unpriced || b.Status == cost.Unpriced:
		return cost.Bill{Status: cost.Unpriced, PriceVersion: a.PriceVersion}
	case b.Status == cost.Estimated:
		a.Status = cost.Estimated
	}
	a.Total = a.Total.Add(b.Total)
	a.Input = a.Input.Add(b.Input)
	a.CachedInput = a.CachedInput.Add(b.CachedInput)
	a.CacheWrite = a.CacheWrite.Add(b.CacheWrite)
	a.Output = a.Output.Add(b.Output)
	return a
}
