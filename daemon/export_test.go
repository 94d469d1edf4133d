package daemon

import "context"

// Examine returns what the doctor says, a line for each finding. An external test
// sets it: internal/doctor imports this package.
var Examine func(ctx context.Context, cfg Config) ([]string, error)
