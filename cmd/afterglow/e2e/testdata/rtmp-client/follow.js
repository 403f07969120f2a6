// Follows a shared object with npm's rtmp-client: node follow.js URL NAME
// Says in a line what happens, and does what each line on standard input says: set NAME JSON, remove NAME, show, end.
'use strict';

const readline = require('readline');
const { NetConnection, SharedObject } = require('rtmp-client');

const [url, name] = process.argv.slice(2);
const say = (...words) => console.log(words.join(' '));

const nc = new NetConnection();
const so = SharedObject.get(name, false, nc);

nc.onStatus = info => say('connection', info.code);
so.onStatus = info => say('object', info.code);
so.onSync = list => {
	for (const change of list) {
		say(change.code, change.name || '-', JSON.stringify(change.newValue === undefined ? null : change.newValue));
	}
};

const orders = {
	set: (property, ...json) => so.setProperty(property, JSON.parse(json.join(' '))),
	remove: property => so.setProperty(property, null),
	show: () => {
		const all = {};
		for (const property of so.getPropertyNames().sort()) {
			all[property] = so.getProperty(property);
		}
		say('shows', JSON.stringify(all));
	},
	end: () => {
		nc.close();
		process.exit(0);
	},
};

readline.createInterface({ input: process.stdin }).on('line', line => {
	const [order, ...rest] = line.split(' ');
	orders[order](...rest);
});
nc.connect(url);
