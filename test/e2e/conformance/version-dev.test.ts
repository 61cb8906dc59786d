import { describeConformance } from './conformance.ts';

describeConformance('dev');
