package upstream

import (
	"context"
	"fmt"
	"net/http/httptrace"
	"slices"
	"sync"
	"time"

	"tasksync/task"
)

// fake is a provider whose calls fail when they ask for a task that breaks them.
type fake struct {
	poison  map[string]*task.Failure // breaks every call
	absent  map[string]bool          // missing from the answers
	down    *task.Failure            // breaks all calls
	noBatch bool
	takes   time.Duration // each call
	hang    string        // a task whose calls end with their context

	mu    sync.Mutex
	calls []string // "3" for a batch call, "one id" for a single one
}

func (p *fake) round(batch int) Round {
	return Round{
		Provider: "fake", FanOut: 4, Batch: batch, Suspects: &Suspects{},
		One: func(ctx context.Context, ref task.Ref) (*task.Observation, error) {
			p.count("one " + ref.TaskID)
			if err := p.wait(ctx, ref); err != nil {
				return nil, err
			}
			if f := p.fails(ref); f != nil {
				return nil, f
			}
			return p.observe(ref), nil
		},
		Many: func(ctx context.Context, _ string, refs []task.Ref) ([]*task.Observation, error) {
			p.count(fmt.Sprint(len(refs)))
			if err := p.wait(ctx, refs...); err != nil {
				return nil, err
			}
			if p.noBatch {
				return nil, NoBatch(Transient(ReasonHTTP4xx, "HTTP 404"))
			}
			seen := make([]*task.Observation, len(refs))
			for i, ref := range refs {
				if f := p.fails(ref); f != nil {
					return nil, f
				}
				seen[i] = p.observe(ref)
			}
			return seen, nil
		},
	}
}

// wait takes the time of a call that was sent.
func (p *fake) wait(ctx context.Context, refs ...task.Ref) error {
	if trace := httptrace.ContextClientTrace(ctx); trace != nil {
		trace.WroteRequest(httptrace.WroteRequestInfo{})
	}
	if slices.ContainsFunc(refs, func(ref task.Ref) bool { return ref.TaskID == p.hang }) {
		<-ctx.Done()
		return fmt.Errorf("call the upstream: %w", ctx.Err())
	}
	time.Sleep(p.takes) // of a bubble's clock
	return nil
}

func (p *fake) count(call string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls = append(p.calls, call)
}

func (p *fake) made() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	calls := p.calls
	p.calls = nil
	slices.Sort(calls)
	return calls
}

func (p *fake) fails(ref task.Ref) *task.Failure {
	if p.down != nil {
		return p.down
	}
	return p.poison[ref.TaskID]
}

func (p *fake) observe(ref task.Ref) *task.Observation {
	if p.absent[ref.TaskID] {
		return nil
	}
	return &task.Observation{Status: task.Processing}
}

func page() *task.Failure { return Transient(ReasonHTTP5xx, "HTTP 500") }

func manyRefs(n int) []task.Ref {
	refs := make([]task.Ref, n)
	for i := range refs {
		refs[i] = task.Ref{TaskID: fmt.Sprintf("t%02d", i), Type: task.Generate}
	}
	return refs
}
