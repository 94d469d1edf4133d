package live

// account counts a user's subscriptions and the bytes of the batches that they
// hold. A subscription counts until it is closed: one that has ended may still be
// dealing with a batch.
//
// The bytes are bounded. A joined subscription that is behind is ended when the
// bound is reached, and may resume later; a resuming subscription waits until its
// backlog has room. So a user who opens stream after stream and reads none of
// them costs userBytes of memory for backlogs, and one batch for each joined
// stream.
type account struct {
	open int
	held int // bytes
}

// enter and leave count s. The caller holds mu.
func (b *Broker) enter(s *Subscription) {
	if b.accounts[s.user] == nil {
		b.accounts[s.user] = &account{}
	}
	b.accounts[s.user].open++
	b.open++
}

func (b *Broker) leave(s *Subscription) {
	if s.closed {
		return
	}
	s.closed = true
	b.release(s, s.held)
	b.accounts[s.user].open--
	if b.accounts[s.user].open == 0 {
		delete(b.accounts, s.user)
	}
	b.open--
}

// hold counts bytes of batches that s gets, and release those that s is done with.
// The caller holds mu.
func (b *Broker) hold(s *Subscription, bytes int) {
	s.held += bytes
	b.accounts[s.user].held += bytes
}

func (b *Broker) release(s *Subscription, bytes int) {
	if bytes = min(bytes, s.held); bytes > 0 { // Close may have come first
		b.hold(s, -bytes)
		b.wake()
	}
}

// discard takes back the batches that s has not taken. The caller holds mu.
func (b *Broker) discard(s *Subscription) {
	for {
		select {
		case batch := <-s.batches:
			b.release(s, batch.size)
		default:
			return
		}
	}
}

// ready returns the waiting subscriptions that fit into their user's bytes: it sets
// aside room for the largest backlog for each that resumes. The caller holds mu.
func (b *Broker) ready() []*Subscription {
	var ready []*Subscription
	reserved := make(map[string]int)
	for _, s := range b.joining {
		if s.start == startAtCursor {
			room := b.bounds.userBytes - b.accounts[s.user].held - reserved[s.user]
			if room < b.bounds.missedBytes {
				continue
			}
			reserved[s.user] += b.bounds.missedBytes
		}
		ready = append(ready, s)
	}
	return ready
}

// wake ends the wait for the next step if a subscription can join. The caller
// holds mu.
func (b *Broker) wake() {
	if b.interrupt != nil && len(b.joining) > 0 && len(b.ready()) > 0 {
		b.interrupt()
	}
}
