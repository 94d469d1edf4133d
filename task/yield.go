package task

import "context"

type yieldKey struct{}

// Yielding returns a context whose upstream calls can wait: when the provider's
// limit is tight, the calls of others come first. Who asks for a look that a job
// makes anyway fetches with it.
func Yielding(ctx context.Context) context.Context { return context.WithValue(ctx, yieldKey{}, true) }

// Yields reports whether ctx is one of [Yielding].
func Yields(ctx context.Context) bool {
	yields, _ := ctx.Value(yieldKey{}).(bool)
	return yields
}
