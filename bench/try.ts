import { drawCharts } from './charts.js';
import { updateReadmes } from './readme.js';
import { load } from './report.js';

await drawCharts(load());
if (process.argv[2]) updateReadmes(load());
