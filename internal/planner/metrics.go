package planner

import "github.com/prometheus/client_golang/prometheus"

// collector tells, when it is scraped, what looks cost and what was learnt.
type collector struct {
	*Planner

	price, used, rows *prometheus.Desc
}

var _ prometheus.Collector = (*collector)(nil)

// Collector returns the metrics of the planner.
func (p *Planner) Collector() prometheus.Collector {
	provider := []string{"provider"}
	return &collector{
		Planner: p,
		price: prometheus.NewDesc("tasksync_look_price_seconds",
			"What a look costs now, as the time that an ended generation may wait instead; above the price of TASKSYNC_PACE, the limit is too low for more looks.", provider, nil),
		used: prometheus.NewDesc("tasksync_limit_used_ratio",
			"Calls that this daemon has sent in the last window of the rate limit, as a part of the whole limit; daemons that share a key add up.", provider, nil),
		rows: prometheus.NewDesc("tasksync_look_model_rows",
			"Ended generations that the model of durations remembers; 0: nothing was learnt yet.", []string{"provider", "task_type"}, nil),
	}
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	ch <- c.price
	ch <- c.used
	ch <- c.rows
}

// Collect implements prometheus.Collector. Labels are the providers and task types
// that are configured.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.cfg.Now()
	told := map[string]bool{}
	for _, s := range c.cfg.Sources {
		if told[s.Name] {
			continue
		}
		told[s.Name] = true
		price := c.cfg.Pace.Price()
		if m := c.markets[s.Name]; m != nil {
			price = m.Dearest(now, c.offer(s))
		}
		ch <- prometheus.MustNewConstMetric(c.price, prometheus.GaugeValue, price.Seconds(), s.Name)
		if s.Used != nil {
			ch <- prometheus.MustNewConstMetric(c.used, prometheus.GaugeValue, s.Used(), s.Name)
		}
		for t := range c.cfg.Handlers {
			ch <- prometheus.MustNewConstMetric(c.rows, prometheus.GaugeValue, c.remembered(subject{s.Name, t}), s.Name, string(t))
		}
	}
}

// remembered is how many rows the model of a subject remembers. The caller holds the
// lock.
func (p *Planner) remembered(s subject) float64 {
	if m := p.models[s]; m != nil {
		return m.Rows()
	}
	return 0
}
