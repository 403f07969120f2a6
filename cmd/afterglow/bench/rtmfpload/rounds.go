package rtmfpload

import (
	"cmp"
	"slices"
)

// median gives the round in the middle by a figure, and the least and the greatest of that figure.
func median[R any](rounds []R, figure func(*R) float64) (middle *R, least, greatest float64) {
	if len(rounds) == 0 {
		return nil, 0, 0
	}
	order := make([]*R, len(rounds))
	for i := range rounds {
		order[i] = &rounds[i]
	}
	slices.SortFunc(order, func(a, b *R) int { return cmp.Compare(figure(a), figure(b)) })
	return order[(len(order)-1)/2], figure(order[0]), figure(order[len(order)-1])
}
