package live

// account is what the subscriptions of a user have together, until they are
// closed: one that has ended may still be dealing with a batch.
//
// What they hold is bounded. One that follows and is behind is ended for it, and
// comes back later; one that comes back gets what it has missed when there is room
// for that. So a user who opens stream after stream and reads none has limits.user
// of memory for what was missed, and a batch for each that follows.
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

// hold and release count what s was given and is done with. The caller holds mu.
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

// discard takes back what s was given and has not looked at. The caller holds mu.
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

// ready are those of the joining whom a step can take: of the resuming ones of a
// user, as many as have room for the most that one may have missed. The caller
// holds mu.
func (b *Broker) ready() []*Subscription {
	var ready []*Subscription
	reserved := make(map[string]int)
	for _, s := range b.joining {
		if s.start == resuming {
			room := b.limits.user - b.accounts[s.user].held - reserved[s.user]
			if room < b.limits.batch {
				continue
			}
			reserved[s.user] += b.limits.batch
		}
		ready = append(ready, s)
	}
	return ready
}

// wake ends the wait for the next step if somebody can join by it. The caller
// holds mu.
func (b *Broker) wake() {
	if b.interrupt != nil && len(b.joining) > 0 && len(b.ready()) > 0 {
		b.interrupt()
	}
}
