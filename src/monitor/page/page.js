
'use strict';
/* Shows the numbers of status.json and keeps them up to date. The server has put the numbers of the first moment into
   the page already. All text goes through textContent: nothing is interpreted as HTML. */
(function () {
  const PERIOD_MS = 2000, TIMEOUT_MS = 8000, RATE_S = 10, DAY_S = 86400, SVG = 'http://www.w3.org/2000/svg';
  const MARKS = {ok: 'good', up: 'good', idle: 'idle', unused: 'idle', degraded: 'warning', failing: 'error', down: 'error',
    suspended: 'error'};
  const URGENCY = {down: 0, suspended: 0, failing: 1, degraded: 2, ok: 3, up: 3, idle: 4, unused: 4};
  const $ = id => document.getElementById(id);
  const view = {sort: 'state', up: true, filter: '', only: false, paused: false};
  let last = null, answeredAt = Date.now(), gone = false, timer = 0, running = false, period = PERIOD_MS;
  const past = []; /* {time, pid, lookups: Map} of the last seconds, for rates */

  /* --- text --- */
  function put(node, text) {
    if (node.textContent !== text) node.textContent = text;
  }
  function make(name, className, text) {
    const node = document.createElement(name);
    if (className) node.className = className;
    if (text !== undefined) node.textContent = text;
    return node;
  }
  function count(n) {
    if (n < 1e6) return String(Math.round(n)).replace(/\B(?=(\d{3})+$)/g, '\u202f');
    return n < 1e9 ? (n / 1e6).toFixed(2) + '\u00a0M' : (n / 1e9).toFixed(2) + '\u00a0G';
  }
  function rate(n) {
    return n < 100 && n > 0 ? n.toFixed(1) : count(n);
  }
  function share(part, whole) {
    if (!whole) return '\u2013';
    const percent = 100 * part / whole;
    if (part > 0 && percent < 0.1) return '<\u00a00.1\u00a0%';
    if (part < whole && percent > 99.9) return '>\u00a099.9\u00a0%';
    return (percent < 10 && part > 0 ? percent.toFixed(1) : percent.toFixed(0)) + '\u00a0%';
  }
  function took(us) {
    if (us === null || us === undefined) return '\u2013';
    if (us <= 100) return '\u2264\u00a00.1\u00a0ms';
    if (us < 10000) return (us / 1000).toFixed(1) + '\u00a0ms';
    return us < 1e6 ? (us / 1000).toFixed(0) + '\u00a0ms' : (us / 1e6).toFixed(1) + '\u00a0s';
  }
  function lasted(s) {
    s = Math.max(0, Math.floor(s));
    if (s < 60) return s + '\u00a0s';
    if (s < 3600) return Math.floor(s / 60) + '\u00a0min';
    if (s < 2 * DAY_S) return Math.floor(s / 3600) + '\u00a0h\u00a0' + Math.floor(s % 3600 / 60) + '\u00a0min';
    return Math.floor(s / DAY_S) + '\u00a0days';
  }
  function bytes(n) {
    return n < 1e6 ? (n / 1e3).toFixed(0) + '\u00a0kB' : n < 1e9 ? (n / 1e6).toFixed(0) + '\u00a0MB'
      : (n / 1e9).toFixed(1) + '\u00a0GB';
  }
  function two(n) {
    return String(n).padStart(2, '0');
  }
  function clock(unix) {
    const at = new Date(unix * 1000), now = new Date(last ? last.time * 1000 : Date.now());
    const time = two(at.getHours()) + ':' + two(at.getMinutes()) + ':' + two(at.getSeconds());
    if (at.toDateString() === now.toDateString()) return time;
    return at.getFullYear() + '-' + two(at.getMonth() + 1) + '-' + two(at.getDate()) + ' ' + time.slice(0, 5);
  }
  function when(unix) {
    const node = make('time', '', clock(unix));
    node.dateTime = new Date(unix * 1000).toISOString();
    return node;
  }
  /* Returns the value below which a part of the durations is, linear between bounds, in microseconds. */
  function quantile(buckets, part) {
    const whole = buckets.reduce((sum, b) => sum + b.count, 0);
    let below = 0, bound = 0;
    if (!whole) return null;
    for (const b of buckets) {
      if (below + b.count >= part * whole && b.count > 0)
        return b.us_at_most === undefined ? bound
          : bound + (b.us_at_most - bound) * (part * whole - below) / b.count;
      below += b.count;
      bound = b.us_at_most;
    }
    return bound;
  }

  /* --- pictures --- */
  function svg(name, attributes) {
    const node = document.createElementNS(SVG, name);
    for (const key in attributes) node.setAttribute(key, attributes[key]);
    return node;
  }
  const WIDE = 110, HIGH = 24, DAY_WIDE = 110;
  function spark() {
    const root = svg('svg', {width: WIDE, height: HIGH, viewBox: `0 0 ${WIDE} ${HIGH}`, 'class': 'spark',
      'aria-hidden': 'true'});
    root.append(svg('path', {'class': 'area'}), svg('path', {'class': 'all'}), svg('path', {'class': 'failed'}));
    return root;
  }
  /* Draws lookups a minute as a line and failures as bars; the running minute is left out. */
  function drawSpark(root, history) {
    const lookups = history.lookups.slice(0, -1), failed = history.failed.slice(0, -1), n = lookups.length;
    const most = Math.max(1, ...lookups), x = i => WIDE - (n - 1 - i) * WIDE / 59;
    const y = v => HIGH - 1 - (HIGH - 3) * v / most, points = lookups.map((v, i) => `${x(i).toFixed(1)} ${y(v).toFixed(1)}`);
    const line = n > 1 && lookups.some(v => v > 0) ? 'M' + points.join('L') : '';
    const bars = failed.map((v, i) => v ? `M${(x(i) - 2).toFixed(1)} ${HIGH}h2V${Math.min(HIGH - 3, y(v)).toFixed(1)}h-2z` : '');
    const [area, all, bad] = root.children;
    for (const [path, d] of [[area, line && line + `V${HIGH}H${x(0).toFixed(1)}z`], [all, line], [bad, bars.join('')]])
      if (path.getAttribute('d') !== d) path.setAttribute('d', d);
  }
  function drawLine(root, outages, now) {
    const scale = DAY_WIDE / DAY_S, at = t => Math.max(0, DAY_WIDE - (now - t) * scale);
    root.replaceChildren(svg('rect', {x: 0, y: 4, width: DAY_WIDE, height: 4, rx: 2}));
    for (const o of outages) {
      const from = at(o.began), to = at(o.ended === null ? now : o.ended);
      if (o.ended !== null && o.ended < now - DAY_S) continue;
      const width = Math.max(3, to - from);
      root.append(svg('rect', {x: Math.min(from, DAY_WIDE - width).toFixed(1), y: 0, width: width.toFixed(1), height: 12, rx: 1.5,
        'class': 'outage'}));
    }
  }

  /* --- rows: one for each key, kept while it exists, so that focus and selection stay --- */
  function rows(body, items, keyOf, cells, fill) {
    const old = body.rowsByKey || new Map(), next = new Map();
    let place = null;
    for (const item of items) {
      const key = keyOf(item);
      let row = old.get(key);
      if (!row) {
        row = make('tr');
        row.cells_ = cells(row);
      }
      next.set(key, row);
      fill(row.cells_, item, row);
    }
    if (!body.rowsByKey) body.replaceChildren();
    for (const [key, row] of old)
      if (!next.has(key)) row.remove();
    for (const row of next.values()) {
      const after = place ? place.nextSibling : body.firstChild;
      if (after !== row) body.insertBefore(row, after);
      place = row;
    }
    body.rowsByKey = next;
  }
  function cell(row, name, className) {
    const node = make(name, className);
    if (name === 'th') node.scope = 'row';
    row.append(node);
    return node;
  }
  function number(node, text, isZero, isLoud) {
    put(node, text);
    node.className = 'n' + (isLoud ? ' loud' : isZero ? ' zero' : '');
  }
  function mark(node, state) {
    if (!node.firstChild) node.append(make('span'));
    node.firstChild.className = 'mark ' + (MARKS[state] || 'idle');
    put(node.firstChild, String(state));
  }
  function none(body, columns, text) {
    if (body.rows.length) return;
    const row = make('tr'), node = make('td', 'empty', text);
    node.colSpan = columns;
    row.append(node);
    body.append(row);
    body.rowsByKey = undefined;
  }

  /* --- parts of the page --- */
  function rateOf(key, now, lookups) {
    const first = past.length ? past[0] : null;
    const before = first && first.lookups.get(key);
    if (before !== undefined && before !== null && now > first.time && lookups >= before)
      return (lookups - before) / (now - first.time);
    return null;
  }
  function remember(s) {
    if (past.length && (past[0].pid !== s.process.pid || past[past.length - 1].time > s.time)) past.length = 0;
    past.push({time: s.time, pid: s.process.pid, lookups: new Map(s.tables.map(t => [t.table, t.lookups]))});
    while (past.length > 2 && past[1].time <= s.time - RATE_S) past.shift();
  }
  function enrich(s, t) {
    const live = past.length > 1 ? rateOf(t.table, s.time, t.lookups) : null;
    const hour = t.history.lookups.reduce((sum, n) => sum + n, 0);
    return {t, name: t.table, state: URGENCY[t.state], hour,
      rate: live !== null ? live : t.recent.lookups / Math.max(1, t.recent.seconds),
      found: t.recent.found, miss: t.recent.miss, failed: t.recent.failed,
      hits: t.cache ? (t.recent.lookups ? t.recent.fresh / t.recent.lookups : 0) : -1,
      p50: t.recent.p50_us, p99: t.recent.p99_us, pending: t.pending ? t.pending.writes : -1};
  }
  function compare(a, b) {
    const by = view.sort, x = a[by] === null ? -1 : a[by], y = b[by] === null ? -1 : b[by];
    const order = by === 'name' ? x.localeCompare(y) : x - y;
    return (view.up ? order : -order) || a.state - b.state || b.hour - a.hour || a.name.localeCompare(b.name);
  }
  function tables(all) {
    const wanted = view.filter.trim().toLowerCase();
    const shown = all.filter(r => (!view.only || r.state < URGENCY.ok) && r.name.toLowerCase().includes(wanted)).sort(compare);
    const body = $('table-list').tBodies[0];
    rows(body, shown, r => r.name, row => {
      const name = cell(row, 'th');
      name.append(make('span', 'name'), ' ', make('span', 'type'));
      const c = {name, state: cell(row, 'td'), rate: cell(row, 'td', 'n'), hour: cell(row, 'td', 'n')};
      c.hour.append(spark(), make('span', 'sr'));
      for (const key of ['failed', 'p50', 'p99', 'found', 'miss', 'hits', 'pending']) c[key] = cell(row, 'td', 'n');
      return c;
    }, (c, r) => {
      const recent = r.t.recent;
      put(c.name.children[0], r.name);
      put(c.name.children[1], r.t.type);
      c.name.title = r.name;
      mark(c.state, r.t.state);
      number(c.rate, rate(r.rate), r.rate === 0);
      drawSpark(c.hour.children[0], r.t.history);
      put(c.hour.children[1], count(r.hour));
      number(c.found, share(r.found, recent.lookups), !recent.lookups);
      number(c.miss, share(r.miss, recent.lookups), !recent.lookups);
      number(c.failed, share(r.failed, recent.lookups), !r.failed, r.failed > 0);
      number(c.hits, r.hits < 0 ? 'no cache' : share(recent.fresh, recent.lookups), r.hits < 0 || !recent.lookups);
      number(c.p50, took(r.p50), r.p50 === null);
      number(c.p99, took(r.p99), r.p99 === null);
      number(c.pending, r.pending < 0 ? '\u2013' : count(r.pending), r.pending <= 0);
    });
    none(body, 11, all.length ? 'No table matches.' : 'There is no table.');
    put($('tables-count'), shown.length === all.length ? String(all.length) : `${shown.length} of ${all.length}`);
  }
  function backends(s) {
    const body = $('backend-list').tBodies[0];
    const order = (a, b) => URGENCY[a.state] - URGENCY[b.state] || a.backend.localeCompare(b.backend);
    rows(body, s.backends.slice().sort(order), b => b.backend, row => {
      const c = {name: cell(row, 'th'), state: cell(row, 'td')};
      for (const key of ['flight', 'waiting', 'connections', 'requests', 'failed', 'p50', 'p99']) c[key] = cell(row, 'td', 'n');
      c.outages = cell(row, 'td', 'outage-cell');
      const box = make('div', 'outages');
      box.append(svg('svg', {width: DAY_WIDE, height: 12, viewBox: `0 0 ${DAY_WIDE} 12`, 'class': 'line', 'aria-hidden': 'true'}), make('span'));
      c.outages.append(box);
      c.box = box;
      return c;
    }, (c, b) => {
      const all = b.requests ? Object.values(b.requests).reduce((sum, n) => sum + n, 0) : 0;
      const failed = all && all - b.requests.answered, known = n => n === undefined ? '\u2013' : count(n);
      put(c.name, b.backend);
      c.name.title = b.backend;
      mark(c.state, b.state);
      number(c.flight, known(b.in_flight), !b.in_flight);
      number(c.waiting, known(b.waiting), !b.waiting, b.waiting > 0);
      number(c.connections, known(b.connections), !b.connections);
      number(c.requests, b.requests ? count(all) : '\u2013', !all);
      number(c.failed, share(failed, all), !failed);
      number(c.p50, took(b.duration && quantile(b.duration, 0.5)), !all);
      number(c.p99, took(b.duration && quantile(b.duration, 0.99)), !all);
      drawLine(c.box.children[0], b.outages, s.time);
      put(c.box.children[1], outages(b.outages, s.time));
    });
    none(body, 10, 'No table uses a backend.');
  }
  function outages(list, now) {
    const newest = list[list.length - 1];
    if (!newest) return 'none';
    if (newest.ended === null) return `since ${clock(newest.began)}, for ${lasted(now - newest.began)}`;
    return (list.length > 1 ? `${list.length}, the last at ` : 'at ') + `${clock(newest.began)} for ${lasted(newest.ended - newest.began)}`;
  }
  function listeners(s) {
    const body = $('listener-list').tBodies[0];
    rows(body, s.listeners, l => l.socket, row => ({socket: cell(row, 'th'), mode: cell(row, 'td'),
      clients: cell(row, 'td', 'n'), accepted: cell(row, 'td', 'n'), refused: cell(row, 'td', 'n')}), (c, l) => {
      put(c.socket, l.socket);
      c.socket.title = l.socket;
      put(c.mode, l.mode);
      number(c.clients, `${count(l.clients)} of ${count(l.max_clients)}`, !l.clients, l.clients >= l.max_clients);
      number(c.accepted, count(l.accepted), !l.accepted);
      number(c.refused, count(l.refused), !l.refused);
    });
    none(body, 5, 'There is no listener.');
  }
  function list(node, items, fill) {
    const text = JSON.stringify(items);
    if (node.shown === text) return;
    node.shown = text;
    node.replaceChildren(...items.map(item => {
      const line = make('li');
      fill(line, item);
      return line;
    }));
  }
  function reload(s) {
    const r = s.reload, node = $('reload-text');
    list($('faults'), r.faults, (line, fault) => put(line, fault));
    const state = make('span', 'mark ' + (r.last === null ? 'idle' : r.last_failed ? 'error' : 'good'),
      r.last === null ? 'none since the start' : r.last_failed ? 'failed' : 'done');
    node.replaceChildren(state);
    if (r.last !== null)
      node.append(' at ', when(r.last), ` (${lasted(s.time - r.last)} ago)`,
        r.last_failed ? '. podop goes on with the configuration that it had.' : '.');
    if (r.done + r.failed > 0)
      node.append(` ${count(r.done)} done and ${count(r.failed)} failed since the start.`);
  }
  function warnings(s) {
    const body = $('warning-list').tBodies[0], text = JSON.stringify(s.warnings);
    if (body.shown === text) return;
    body.shown = text;
    body.replaceChildren(...s.warnings.slice().reverse().map(w => {
      const row = make('tr'), about = [];
      cell(row, 'td').append(when(w.time));
      put(cell(row, 'th'), w.event.replace(/_/g, ' '));
      for (const key in w)
        if (key !== 'time' && key !== 'event' && key !== 'level') about.push(`${key.replace(/_/g, ' ')} ${w[key]}`);
      put(cell(row, 'td', 'about'), about.join(', '));
      return row;
    }));
    body.rowsByKey = undefined;
    none(body, 3, 'There was none.');
  }
  function figures(s, all) {
    const sum = {rate: 0, lookups: 0, failed: 0, cached: 0, fresh: 0, worst: null};
    for (const r of all) {
      sum.rate += r.rate;
      sum.lookups += r.t.recent.lookups;
      sum.failed += r.failed;
      if (r.hits >= 0) {
        sum.cached += r.t.recent.lookups;
        sum.fresh += r.t.recent.fresh;
      }
      if (r.p99 !== null && (sum.worst === null || r.p99 > sum.worst)) sum.worst = r.p99;
    }
    const up = s.backends.filter(b => b.state === 'up' || b.state === 'unused').length;
    const clients = s.listeners.reduce((n, l) => n + (l.mode === 'http' ? 0 : l.clients), 0);
    pairs($('figures'), [['Lookups a second', rate(sum.rate)], ['Failed', share(sum.failed, sum.lookups)],
      ['Cache hits', share(sum.fresh, sum.cached)], ['Slowest table, p99', took(sum.worst)],
      ['Backends that serve', `${up} of ${s.backends.length}`], ['Clients', count(clients)]]);
  }
  function pairs(node, items) {
    if (node.childElementCount !== items.length)
      node.replaceChildren(...items.map(() => {
        const box = make('div');
        box.append(make('dt'), make('dd'));
        return box;
      }));
    items.forEach(([name, text], i) => {
      put(node.children[i].children[0], name);
      put(node.children[i].children[1], text);
    });
  }
  function process(s) {
    const p = s.process, requests = s.requests.filter(r => r.count).map(r => `${r.protocol} ${r.kind} ${count(r.count)}`);
    const items = [['Process', String(p.pid)], ['Memory', bytes(p.rss_bytes)], ['CPU', lasted(p.cpu_s)],
      ['Descriptors', `${count(p.open_descriptors)} of ${count(p.max_descriptors)}`],
      ['Longest turn', took(s.loop.longest_us)]];
    if (requests.length) items.push(['Requests', requests.join(', ')]);
    pairs($('process'), items);
    put($('facts'), `${s.version} at ${location.host}, for ${lasted(s.uptime_s)}`);
  }
  function problems(s) {
    $('state').dataset.level = s.severity;
    put($('headline'), s.summary);
    list($('problems'), s.problems, (line, p) => {
      line.append(make('span', 'mark ' + p.severity, p.severity), ' ', p.text);
      if (p.since !== null) {
        const since = make('span', 'since', ' since ');
        since.append(when(p.since));
        line.append(since);
      }
    });
    title(s.severity, s.problems.length);
  }
  function title(severity, n) {
    const colours = {ok: '%231a8f52', warning: '%23c98a1b', error: '%23d0303c'};
    const shapes = {ok: '<circle cx="8" cy="8" r="6"/>', warning: '<path d="M8 1l7 13H1z"/>', error: '<path d="M1 1h14v14H1z"/>'};
    const text = (severity === 'ok' ? '' : n ? `(${n}) ` : '! ') + 'podop';
    const icon = `data:image/svg+xml,<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16" fill="${colours[severity]}">${shapes[severity]}</svg>`;
    if (document.title !== text) document.title = text;
    if ($('icon').getAttribute('href') !== icon) $('icon').setAttribute('href', icon);
  }
  let enriched = [];
  function show(s) {
    remember(s);
    enriched = s.tables.map(t => enrich(s, t));
    problems(s);
    figures(s, enriched);
    tables(enriched);
    backends(s);
    listeners(s);
    reload(s);
    warnings(s);
    process(s);
  }

  /* --- asking --- */
  function answered() {
    const s = Math.round((Date.now() - answeredAt) / 1000);
    const silent = gone || s >= TIMEOUT_MS / 1000 + period / 1000;
    document.body.classList.toggle('is-gone', gone);
    $('gone').hidden = !gone;
    if (gone) {
      const at = new Date(answeredAt);
      put($('gone'), `\u2716 podop does not answer since ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}. ` +
        'What follows is from then.');
      document.title = '\u2716 podop does not answer';
      title.gone = true;
    }
    put($('fresh'), view.paused ? 'Paused' : gone ? `no answer for ${lasted(s)}` : silent ? `waiting for ${lasted(s)}` : 'Live');
  }
  async function ask() {
    const abort = new AbortController(), guard = setTimeout(() => abort.abort(), TIMEOUT_MS), began = Date.now();
    running = true;
    try {
      const answer = await fetch('status.json', {signal: abort.signal, cache: 'no-store', credentials: 'same-origin'});
      if (!answer.ok) throw new Error(String(answer.status));
      const text = await answer.text(), s = JSON.parse(text);
      if (last && last.version !== s.version) location.reload(); /* its page may be another one */
      last = s;
      answeredAt = Date.now();
      gone = false;
      /* a large document is asked for less often: at most a twentieth of the time is spent on it */
      period = Math.max(PERIOD_MS, 20 * (Date.now() - began), text.length / 100);
      show(s);
    } catch (error) {
      gone = true;
    }
    clearTimeout(guard);
    running = false;
    answered();
    plan(gone ? PERIOD_MS : period);
  }
  function plan(ms) {
    clearTimeout(timer);
    if (!view.paused && !running) timer = setTimeout(ask, document.hidden ? Math.max(ms, 15000) : ms);
  }
  function again() {
    if (last) tables(enriched);
  }
  function sortBy(head) {
    const key = head.dataset.sort, up = key === 'name' || key === 'state';
    view.up = view.sort === key ? !view.up : up;
    view.sort = key;
    for (const other of $('table-list').tHead.rows[0].cells) other.removeAttribute('aria-sort');
    head.setAttribute('aria-sort', view.up ? 'ascending' : 'descending');
    again();
  }
  function start() {
    for (const head of $('table-list').tHead.rows[0].cells) {
      const button = make('button');
      button.append(...head.childNodes);
      button.type = 'button';
      button.addEventListener('click', () => sortBy(head));
      head.append(button);
      if (head.dataset.sort === view.sort) head.setAttribute('aria-sort', 'ascending');
    }
    $('tables-tools').hidden = $('live').hidden = false;
    $('filter').addEventListener('input', event => {
      view.filter = event.target.value;
      again();
    });
    $('only').addEventListener('change', event => {
      view.only = event.target.checked;
      again();
    });
    $('pause').addEventListener('click', () => {
      view.paused = !view.paused;
      $('pause').setAttribute('aria-pressed', String(view.paused));
      answered();
      if (!view.paused && !running) ask();
    });
    document.addEventListener('visibilitychange', () => {
      if (!document.hidden) plan(0);
    });
    setInterval(answered, 1000);
    ask();
  }
  start();
}());
