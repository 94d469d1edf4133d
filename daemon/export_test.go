package daemon

import "context"

// Examine returns what the doctor says, a line for each finding. The doctor stands
// on this package, so that only an external test can set it.
var Examine func(ctx context.Context, cfg Config) ([]string, error) //nolint:gochecknoglobals // as said
