package sunoapi

import (
	"context"
	"net/url"

	"tasksync/task"
	"tasksync/upstream"
)

var _ upstream.Recoverer = (*Adapter)(nil)

// noCallback is the address that the recovery call wants: nobody is there, since tasksync
// asks for the result itself.
const noCallback = "https://tasksync.invalid/"

// Recovers implements [upstream.Recoverer].
func (a *Adapter) Recovers() bool { return a.profile.recovery != "" }

// Recover implements [upstream.Recoverer].
func (a *Adapter) Recover(ctx context.Context, taskID string) error {
	payload := map[string]string{"sunoTaskId": taskID, "callBackUrl": noCallback}
	return a.Post(ctx, a.profile.recovery, payload, func(ans upstream.Answer) (code int, f *task.Failure) {
		env := ans.Value().Fields()
		code, ok := env.Code("code")
		if !ok || code != 200 && code != 201 {
			return code, a.profile.envelopeFailure(ans.Status, code, env.Text("msg", "message"))
		}
		return code, nil
	})
}

// Recovered implements [upstream.Recoverer]. Code 201 says that the recovery is under way.
func (a *Adapter) Recovered(ctx context.Context, taskID string) (items []task.Item, err error) {
	query := url.Values{"task_id": {taskID}}
	err = a.Get(ctx, a.profile.recovery+"/record-info", query, func(ans upstream.Answer) (code int, f *task.Failure) {
		env := ans.Value().Fields()
		switch code, _ = env.Code("code"); code {
		case 201:
			return code, nil
		case 200:
			items = a.Items(parseResults(env.Get("data"), task.Generate))
			return code, nil
		}
		return code, a.profile.envelopeFailure(ans.Status, code, env.Text("msg", "message"))
	})
	return items, err
}
