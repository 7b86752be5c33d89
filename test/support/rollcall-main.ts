// Owns the entry of a server process under test: the command line of the build that the tests belong to.
import { runProcess } from '../../core/cli/main';

runProcess();
