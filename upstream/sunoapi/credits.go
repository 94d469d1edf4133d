package sunoapi

import (
	"context"
	"strconv"

	"tasksync/task"
	"tasksync/upstream"
)

var _ upstream.Crediter = (*Adapter)(nil)

// Credits implements [upstream.Crediter].
func (a *Adapter) Credits(ctx context.Context) (left float64, err error) {
	err = a.Get(ctx, a.profile.credits, nil, func(ans upstream.Answer) (code int, f *task.Failure) {
		env := ans.Value().Fields()
		code, ok := env.Code("code")
		if ok && code != 200 {
			return code, a.profile.envelopeFailure(ans.Status, code, env.Text("msg", "message"))
		}
		number, parseErr := strconv.ParseFloat(env.Get("data").Text(), 64)
		if parseErr != nil {
			return code, upstream.BadBody("the answer has no number of credits")
		}
		left = number
		return code, nil
	})
	return left, err
}
