package doctor

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"tasksync/task"
)

// An Account is one at an upstream API, as far as the checks use it.
type Account struct {
	Name string
	// Look asks how tasks stand.
	Look func(context.Context, []task.Ref) ([]task.Observation, error)
	// Credits tells how many credits are left, by a call that costs none; nil: there
	// is no such call.
	Credits func(context.Context) (float64, error)
}

// askTimeout bounds what is asked of one provider.
const askTimeout = 15 * time.Second

// seeAccounts makes one harmless call with each credential. A start makes none: each
// call counts against the limit, and the first look finds out the same.
func (d *doctor) seeAccounts(ctx context.Context) {
	if d.cfg.Accounts == nil {
		return
	}
	accounts, err := d.cfg.Accounts()
	if err != nil {
		d.find(Finding{Level: Bad, What: "settings", Next: err.Error(), Err: err})
		return
	}
	for _, p := range accounts {
		d.seeAccount(ctx, p)
	}
}

func (d *doctor) seeAccount(ctx context.Context, p Account) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	what := "provider " + p.Name
	if p.Credits != nil {
		left, err := p.Credits(ctx)
		switch f, refused := errors.AsType[*task.Failure](err); {
		case err == nil && left <= 0:
			d.say(Warning, what+": accepts the key, and the account has no credits left", "buy some: new tasks would be refused")
			return
		case err == nil:
			d.say(Good, fmt.Sprintf("%s: accepts the key; %.4g credits left", what, left), "")
			return
		case refused && f.Verdict == task.Account:
			d.sayAsked(what, err)
			return
		}
		// The address may lead to a server that has no such call.
	}
	d.sayAsked(what, p.lookAtNothing(ctx))
}

// lookAtNothing asks for a task that is not there. Nil says that the provider answers
// as it should: it does not know the task.
func (p Account) lookAtNothing(ctx context.Context) error {
	id := pgtype.UUID{Valid: true}
	_, _ = rand.Read(id.Bytes[:]) // never fails
	seen, err := p.Look(ctx, []task.Ref{{TaskID: id.String(), Type: task.Generate, Alone: true}})
	for _, s := range seen {
		if s.Failure != nil {
			err = s.Failure
		}
	}
	if f, ok := errors.AsType[*task.Failure](err); ok && f.Verdict == task.UnknownTask {
		return nil
	}
	return err
}

// sayAsked says what a provider's answer means.
func (d *doctor) sayAsked(what string, err error) {
	f, ok := errors.AsType[*task.Failure](err)
	const key, address = "TASKSYNC_API_KEY", "TASKSYNC_API_URL"
	switch {
	case err == nil:
		d.say(Good, what+": accepts the key, and does not know a task that is not there", "")
	case !ok:
		d.say(Bad, what, "%s", task.Redact(err.Error()))
	case f.Verdict == task.Account:
		d.say(Bad, fmt.Sprintf("%s: refuses the account (%s)", what, f.Reason), "check the key (%s; with TASKSYNC_PROVIDERS, its own), and the credits of the account", key)
	case f.Reason == task.ReasonNoCall || f.Reason == "bad_body":
		d.say(Bad, fmt.Sprintf("%s: the address answers, but not as the API does (%s)", what, f.Reason), "is the URL right? Check %s (with TASKSYNC_PROVIDERS, its own)", address)
	case f.Reason == "network":
		d.say(Bad, what+": cannot be reached", "check %s, and whether this machine may connect to it: %s", address, task.Redact(f.Message))
	default:
		d.say(Warning, fmt.Sprintf("%s: does not answer as it should now (%s)", what, f.Reason), "ask again in a minute; rows wait meanwhile")
	}
}
