// The modules of package-lock.json, which lie in the build folder: nothing is installed into the clone.

import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const require = createRequire(join(process.env.MAILSTEAD_MODULES, 'package.json'));

export const { chromium } = require('playwright-core');
export const axeSource = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
