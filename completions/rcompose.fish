# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_rcompose_global_optspecs
    string join \n f/file= p/project-name= profile= env-file= project-directory= compatibility all-resources parallel= progress= ansi= no-ansi workdir= H/host= context= dry-run tls tlsverify tlscacert= tlscert= tlskey= insecure-registry= D/debug l/log-level= diagnostics= h/help
end

function __fish_rcompose_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_rcompose_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_rcompose_using_subcommand
    set -l cmd (__fish_rcompose_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c rcompose -n "__fish_rcompose_needs_command" -s f -l file -d 'Compose file; the first says where the project is, later ones override it (`-`: standard input)' -r
complete -c rcompose -n "__fish_rcompose_needs_command" -s p -l project-name -d 'Project name' -r
complete -c rcompose -n "__fish_rcompose_needs_command" -l profile -d 'Profile to turn on (`*`: all)' -r
complete -c rcompose -n "__fish_rcompose_needs_command" -l env-file -d 'File of variables to read instead of `.env`' -r
complete -c rcompose -n "__fish_rcompose_needs_command" -l project-directory -d 'Folder that relative paths start from' -r
complete -c rcompose -n "__fish_rcompose_needs_command" -l parallel -d 'How much is done at once, at the most (-1: no limit of ours)' -r
complete -c rcompose -n "__fish_rcompose_needs_command" -l progress -d 'How progress is shown: auto, tty, plain, json or quiet' -r
complete -c rcompose -n "__fish_rcompose_needs_command" -l ansi -d 'When colours are shown: auto, never or always' -r
complete -c rcompose -n "__fish_rcompose_needs_command" -l workdir -d 'The older name of `--project-directory`' -r
complete -c rcompose -n "__fish_rcompose_needs_command" -s H -l host -d 'Address of the engine (`unix:///PATH`, `tcp://HOST:PORT`)' -r
complete -c rcompose -n "__fish_rcompose_needs_command" -l context -d 'Context of the Docker configuration to take the engine\'s address from' -r
complete -c rcompose -n "__fish_rcompose_needs_command" -l tlscacert -d 'Certificate of the authority that signed the engine\'s' -r
complete -c rcompose -n "__fish_rcompose_needs_command" -l tlscert -d 'Certificate that we show to the engine' -r
complete -c rcompose -n "__fish_rcompose_needs_command" -l tlskey -d 'Key of that certificate' -r
complete -c rcompose -n "__fish_rcompose_needs_command" -l insecure-registry -d 'Registry of projects that is spoken to without encryption' -r
complete -c rcompose -n "__fish_rcompose_needs_command" -s l -l log-level -d 'What is said at least: debug, info, warn, error or fatal' -r
complete -c rcompose -n "__fish_rcompose_needs_command" -l diagnostics -d 'How problems in files are shown' -r -f -a "plain\t'Source lines and carets'
json\t'One JSON object a line'
github\t'GitHub Actions annotations'"
complete -c rcompose -n "__fish_rcompose_needs_command" -l compatibility -d 'Name containers as version 1 of Docker Compose did'
complete -c rcompose -n "__fish_rcompose_needs_command" -l all-resources -d 'Keep resources that no service uses'
complete -c rcompose -n "__fish_rcompose_needs_command" -l no-ansi -d 'The older way to say `--ansi never`'
complete -c rcompose -n "__fish_rcompose_needs_command" -l dry-run -d 'Show what would be done, and change nothing'
complete -c rcompose -n "__fish_rcompose_needs_command" -l tls -d 'Encrypt the connection to the engine'
complete -c rcompose -n "__fish_rcompose_needs_command" -l tlsverify -d 'Encrypt it, and have the engine prove who it is'
complete -c rcompose -n "__fish_rcompose_needs_command" -s D -l debug -d 'Show each request to the engine on standard error'
complete -c rcompose -n "__fish_rcompose_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rcompose -n "__fish_rcompose_needs_command" -f -a "analyze" -d 'Show what the time until the containers were ready was spent on'
complete -c rcompose -n "__fish_rcompose_needs_command" -f -a "attach" -d 'Connect to what a container reads and writes'
complete -c rcompose -n "__fish_rcompose_needs_command" -f -a "build" -d 'Build or rebuild images of services'
complete -c rcompose -n "__fish_rcompose_needs_command" -f -a "ci" -d 'Bring up a throw-away stack, run a command beside it, and take all down'
complete -c rcompose -n "__fish_rcompose_needs_command" -f -a "commit" -d 'Make an image of a container'
complete -c rcompose -n "__fish_rcompose_needs_command" -f -a "config" -d 'Parse, resolve and print the project in canonical form'
complete -c rcompose -n "__fish_rcompose_needs_command" -f -a "cp" -d 'Copy files and folders between containers and this machine'
complete -c rcompose -n "__fish_rcompose_needs_command" -f -a "create" -d 'Create containers, but start none'
complete -c rcompose -n "__fish_rcompose_needs_command" -f -a "dns" -d 'Reach services by name, and prove that they reach each other'
complete -c rcompose -n "__fish_rcompose_needs_command" -f -a "doctor" -d 'Show which engines there are, which one is used, and what is wrong'
complete -c rcompose -n "__fish_rcompose_needs_command" -f -a "down" -d 'Stop and remove containers and networks'
complete -c rcompose -n "__fish_rcompose_needs_command" -f -a "events" -d 'Show what happens to containers'
complete -c rcompose -n "__fish_rcompose_needs_command" -f -a "exec" -d 'Run a command in a running container'
complete -c rcompose -n "__fish_rcompose_needs_command" -f -a "export" -d 'Write the files of a container as an archive (tar)'
complete -c rcompose -n "__fish_rcompose_needs_command" -f -a "explain" -d 'Show why a service does not run or is not healthy'
complete -c rcompose -n "__fish_rcompose_needs_command" -f -a "gc" -d 'Remove what killed `ci` and `test` jobs have left, of all projects'
complete -c rcompose -n "__fish_rcompose_needs_command" -f -a "images" -d 'List images of containers'
complete -c rcompose -n "__fish_rcompose_needs_command" -f -a "kill" -d 'Send a signal to containers'
complete -c rcompose -n "__fish_rcompose_needs_command" -f -a "lint" -d 'Show what reviewers would flag in the Compose files and their Dockerfiles'
complete -c rcompose -n "__fish_rcompose_needs_command" -f -a "lock" -d 'Write the digests of all images to `compose.lock.yaml`, for `up --locked` and others'
complete -c rcompose -n "__fish_rcompose_needs_command" -f -a "logs" -d 'View output of containers'
complete -c rcompose -n "__fish_rcompose_needs_command" -f -a "ls" -d 'List projects'
complete -c rcompose -n "__fish_rcompose_needs_command" -f -a "pause" -d 'Pause containers'
complete -c rcompose -n "__fish_rcompose_needs_command" -f -a "plan" -d 'Show what `up` would do, and why; nothing is changed'
complete -c rcompose -n "__fish_rcompose_needs_command" -f -a "port" -d 'Show the public address of a port'
complete -c rcompose -n "__fish_rcompose_needs_command" -f -a "ps" -d 'List containers'
complete -c rcompose -n "__fish_rcompose_needs_command" -f -a "publish" -d 'Publish the project to a registry, from where `-f oci://REPOSITORY[:TAG]` runs it'
complete -c rcompose -n "__fish_rcompose_needs_command" -f -a "pull" -d 'Pull images'
complete -c rcompose -n "__fish_rcompose_needs_command" -f -a "push" -d 'Push images that are built'
complete -c rcompose -n "__fish_rcompose_needs_command" -f -a "restart" -d 'Restart containers'
complete -c rcompose -n "__fish_rcompose_needs_command" -f -a "rm" -d 'Remove stopped containers'
complete -c rcompose -n "__fish_rcompose_needs_command" -f -a "run" -d 'Run a one-off command in a container of its own'
complete -c rcompose -n "__fish_rcompose_needs_command" -f -a "scale" -d 'Set the number of containers of services'
complete -c rcompose -n "__fish_rcompose_needs_command" -f -a "start" -d 'Start containers that are there'
complete -c rcompose -n "__fish_rcompose_needs_command" -f -a "stats" -d 'Show what containers use of the machine, again and again'
complete -c rcompose -n "__fish_rcompose_needs_command" -f -a "stop" -d 'Stop containers'
complete -c rcompose -n "__fish_rcompose_needs_command" -f -a "test" -d 'Bring up what a service depends on, run the service to its end, and take all down'
complete -c rcompose -n "__fish_rcompose_needs_command" -f -a "top" -d 'Show the processes of containers'
complete -c rcompose -n "__fish_rcompose_needs_command" -f -a "unpause" -d 'Unpause containers'
complete -c rcompose -n "__fish_rcompose_needs_command" -f -a "up" -d 'Create and start containers'
complete -c rcompose -n "__fish_rcompose_needs_command" -f -a "version" -d 'Show the version'
complete -c rcompose -n "__fish_rcompose_needs_command" -f -a "volumes" -d 'List volumes'
complete -c rcompose -n "__fish_rcompose_needs_command" -f -a "wait" -d 'Wait until containers have ended'
complete -c rcompose -n "__fish_rcompose_needs_command" -f -a "watch" -d 'Take changed files over into containers, as `develop.watch` says'
complete -c rcompose -n "__fish_rcompose_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c rcompose -n "__fish_rcompose_using_subcommand analyze" -l trace -d 'Write it to a file that trace viewers open' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand analyze" -l dry-run -d 'Show what would be done, and change nothing'
complete -c rcompose -n "__fish_rcompose_using_subcommand analyze" -s h -l help -d 'Print help'
complete -c rcompose -n "__fish_rcompose_using_subcommand attach" -l index -d 'Number of the container, of a service with several' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand attach" -l detach-keys -d 'Keys that leave the container to itself [default: those of Docker\'s configuration, or ctrl-p,ctrl-q]' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand attach" -l sig-proxy -d 'Pass signals on' -r -f -a "true\t''
false\t''"
complete -c rcompose -n "__fish_rcompose_using_subcommand attach" -l no-stdin -d 'Pass no input on'
complete -c rcompose -n "__fish_rcompose_using_subcommand attach" -l dry-run -d 'Show what would be done, and change nothing'
complete -c rcompose -n "__fish_rcompose_using_subcommand attach" -s h -l help -d 'Print help'
complete -c rcompose -n "__fish_rcompose_using_subcommand build" -l build-arg -d 'Variable of the build; without a value it is that of the environment' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand build" -l builder -d 'Builder of `buildx` to use instead of the engine\'s own' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand build" -s m -l memory -d 'Most memory of the build, such as 512m; the classic builder alone knows it' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand build" -l provenance -d 'Attach where the image comes from (`true`, `false`, or parameters)' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand build" -l sbom -d 'Attach what the image consists of (`true`, `false`, or parameters)' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand build" -l ssh -d 'Keys that the build may log in with' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand build" -l progress -d 'How progress is shown: auto, tty, plain, json or quiet' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand build" -l check -d 'Check the Dockerfiles, and build nothing'
complete -c rcompose -n "__fish_rcompose_using_subcommand build" -l locked -d 'Take base images by the digests of the lock file'
complete -c rcompose -n "__fish_rcompose_using_subcommand build" -l no-cache -d 'Use nothing that was built before'
complete -c rcompose -n "__fish_rcompose_using_subcommand build" -l print -d 'Print the builds as a file for `buildx bake`, and build nothing'
complete -c rcompose -n "__fish_rcompose_using_subcommand build" -l pull -d 'Ask registries for newer base images'
complete -c rcompose -n "__fish_rcompose_using_subcommand build" -l push -d 'Push the images that have a name'
complete -c rcompose -n "__fish_rcompose_using_subcommand build" -s q -l quiet -d 'Show nothing of the builds'
complete -c rcompose -n "__fish_rcompose_using_subcommand build" -l with-dependencies -d 'Build what the services depend on, too'
complete -c rcompose -n "__fish_rcompose_using_subcommand build" -l parallel -d 'Accepted for scripts that are older than builders which need no such flags'
complete -c rcompose -n "__fish_rcompose_using_subcommand build" -l compress
complete -c rcompose -n "__fish_rcompose_using_subcommand build" -l force-rm
complete -c rcompose -n "__fish_rcompose_using_subcommand build" -l no-rm
complete -c rcompose -n "__fish_rcompose_using_subcommand build" -l dry-run -d 'Show what would be done, and change nothing'
complete -c rcompose -n "__fish_rcompose_using_subcommand build" -s h -l help -d 'Print help'
complete -c rcompose -n "__fish_rcompose_using_subcommand ci" -l env-file -d 'Write ports and names of the services to this file, as variables' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand ci" -l junit -d 'Write the outcome to this file, as `JUnit`' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand ci" -l report -d 'Write output, containers and outcome of all services to this folder' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand ci" -l logs -d 'When the output of all services is shown' -r -f -a "always\t'At the end of each job'
failure\t'If something has failed'
never\t'Not at all'"
complete -c rcompose -n "__fish_rcompose_using_subcommand ci" -l older-than -d 'Age of what is removed where its holder cannot be looked for' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand ci" -l wait-timeout -d 'Seconds to wait at the most until all is ready (0: without end)' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand ci" -l scale -d 'Number of containers of a service' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand ci" -s t -l timeout -d 'Seconds between stop signal and kill' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand ci" -l pull -d 'When to pull images: always, missing, never, or build to make them instead' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand ci" -l free-ports -d 'Let the engine choose all published ports, and leave out `container_name`, so that several jobs can run side by side'
complete -c rcompose -n "__fish_rcompose_using_subcommand ci" -l keep -d 'Leave all there at the end, for a look'
complete -c rcompose -n "__fish_rcompose_using_subcommand ci" -l no-gc -d 'Leave what other jobs have left'
complete -c rcompose -n "__fish_rcompose_using_subcommand ci" -l no-deps -d 'Leave out what the services depend on'
complete -c rcompose -n "__fish_rcompose_using_subcommand ci" -l quiet-pull -d 'Pull without showing how far it is'
complete -c rcompose -n "__fish_rcompose_using_subcommand ci" -l build -d 'Build images first, even if they are there'
complete -c rcompose -n "__fish_rcompose_using_subcommand ci" -l no-build -d 'Build no images, even if they are not there'
complete -c rcompose -n "__fish_rcompose_using_subcommand ci" -l quiet-build -d 'Show no output of builds'
complete -c rcompose -n "__fish_rcompose_using_subcommand ci" -l locked -d 'Use exactly the images of `compose.lock.yaml`'
complete -c rcompose -n "__fish_rcompose_using_subcommand ci" -s y -l yes -d 'Take projects from elsewhere without asking'
complete -c rcompose -n "__fish_rcompose_using_subcommand ci" -l dry-run -d 'Show what would be done, and change nothing'
complete -c rcompose -n "__fish_rcompose_using_subcommand ci" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rcompose -n "__fish_rcompose_using_subcommand commit" -s a -l author -d 'Author of the image' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand commit" -s c -l change -d 'Instruction of a Dockerfile to change the image by' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand commit" -s m -l message -d 'Message of the change' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand commit" -s p -l pause -d 'Freeze the container meanwhile' -r -f -a "true\t''
false\t''"
complete -c rcompose -n "__fish_rcompose_using_subcommand commit" -l index -d 'Number of the container, of a service with several' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand commit" -l dry-run -d 'Show what would be done, and change nothing'
complete -c rcompose -n "__fish_rcompose_using_subcommand commit" -s h -l help -d 'Print help'
complete -c rcompose -n "__fish_rcompose_using_subcommand config" -l format -d 'Format of the output: yaml or json' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand config" -s o -l output -d 'Save to a file instead of printing' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand config" -l hash -d 'Print the config hashes of services, one a line (`*`: of all)' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand config" -s q -l quiet -d 'Only check the project, print nothing'
complete -c rcompose -n "__fish_rcompose_using_subcommand config" -l services -d 'Print the names of services, one a line'
complete -c rcompose -n "__fish_rcompose_using_subcommand config" -l volumes -d 'Print the names of volumes, one a line'
complete -c rcompose -n "__fish_rcompose_using_subcommand config" -l networks -d 'Print the names of networks, one a line'
complete -c rcompose -n "__fish_rcompose_using_subcommand config" -l models -d 'Print the names of models, one a line'
complete -c rcompose -n "__fish_rcompose_using_subcommand config" -l profiles -d 'Print the names of profiles, one a line'
complete -c rcompose -n "__fish_rcompose_using_subcommand config" -l images -d 'Print the names of images, one a line'
complete -c rcompose -n "__fish_rcompose_using_subcommand config" -l variables -d 'Print the variables of the files and their defaults'
complete -c rcompose -n "__fish_rcompose_using_subcommand config" -l environment -d 'Print the variables that the files are read with'
complete -c rcompose -n "__fish_rcompose_using_subcommand config" -l no-interpolate -d 'Leave variables as they are written'
complete -c rcompose -n "__fish_rcompose_using_subcommand config" -l no-normalize -d 'Leave out what the model implies'
complete -c rcompose -n "__fish_rcompose_using_subcommand config" -l no-path-resolution -d 'Leave paths as they are written'
complete -c rcompose -n "__fish_rcompose_using_subcommand config" -l no-consistency -d 'Do not check references between resources'
complete -c rcompose -n "__fish_rcompose_using_subcommand config" -l no-env-resolution -d 'Leave `env_file` as it is written'
complete -c rcompose -n "__fish_rcompose_using_subcommand config" -l resolve-image-digests -d 'Pin the tags of images to digests'
complete -c rcompose -n "__fish_rcompose_using_subcommand config" -l lock-image-digests -d 'Print an override file that pins the tags of images to digests'
complete -c rcompose -n "__fish_rcompose_using_subcommand config" -l dry-run -d 'Show what would be done, and change nothing'
complete -c rcompose -n "__fish_rcompose_using_subcommand config" -s h -l help -d 'Print help'
complete -c rcompose -n "__fish_rcompose_using_subcommand cp" -l index -d 'Number of the container, of a service with several' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand cp" -l all -d 'Also containers of the run command'
complete -c rcompose -n "__fish_rcompose_using_subcommand cp" -s L -l follow-link -d 'Copy what a link at the end of the source points to'
complete -c rcompose -n "__fish_rcompose_using_subcommand cp" -s a -l archive -d 'Give what is copied to the container\'s user'
complete -c rcompose -n "__fish_rcompose_using_subcommand cp" -l dry-run -d 'Show what would be done, and change nothing'
complete -c rcompose -n "__fish_rcompose_using_subcommand cp" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rcompose -n "__fish_rcompose_using_subcommand create" -l scale -d 'Number of containers of a service' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand create" -l pull -d 'When to pull images: always, missing, never, or build to make them instead' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand create" -l force-recreate -d 'Replace containers even if nothing has changed'
complete -c rcompose -n "__fish_rcompose_using_subcommand create" -l no-recreate -d 'Keep containers even if something has changed'
complete -c rcompose -n "__fish_rcompose_using_subcommand create" -l remove-orphans -d 'Remove containers of services that are no longer in the files'
complete -c rcompose -n "__fish_rcompose_using_subcommand create" -l quiet-pull -d 'Pull without showing how far it is'
complete -c rcompose -n "__fish_rcompose_using_subcommand create" -l build -d 'Build images first, even if they are there'
complete -c rcompose -n "__fish_rcompose_using_subcommand create" -l no-build -d 'Build no images, even if they are not there'
complete -c rcompose -n "__fish_rcompose_using_subcommand create" -l quiet-build -d 'Show no output of builds'
complete -c rcompose -n "__fish_rcompose_using_subcommand create" -l locked -d 'Use exactly the images of `compose.lock.yaml`'
complete -c rcompose -n "__fish_rcompose_using_subcommand create" -s y -l yes -d 'Ask nothing: volumes that are configured differently are made anew, which loses their data'
complete -c rcompose -n "__fish_rcompose_using_subcommand create" -l dry-run -d 'Show what would be done, and change nothing'
complete -c rcompose -n "__fish_rcompose_using_subcommand create" -s h -l help -d 'Print help'
complete -c rcompose -n "__fish_rcompose_using_subcommand dns; and not __fish_seen_subcommand_from check env install serve status uninstall ask help" -l dry-run -d 'Show what would be done, and change nothing'
complete -c rcompose -n "__fish_rcompose_using_subcommand dns; and not __fish_seen_subcommand_from check env install serve status uninstall ask help" -s h -l help -d 'Print help'
complete -c rcompose -n "__fish_rcompose_using_subcommand dns; and not __fish_seen_subcommand_from check env install serve status uninstall ask help" -f -a "check" -d 'Prove that services find each other by name, or explain why they do not'
complete -c rcompose -n "__fish_rcompose_using_subcommand dns; and not __fish_seen_subcommand_from check env install serve status uninstall ask help" -f -a "env" -d 'Print where the services of this project are, as variables of a shell'
complete -c rcompose -n "__fish_rcompose_using_subcommand dns; and not __fish_seen_subcommand_from check env install serve status uninstall ask help" -f -a "install" -d 'Have this system ask `dns serve` for names below `test`, and nobody else'
complete -c rcompose -n "__fish_rcompose_using_subcommand dns; and not __fish_seen_subcommand_from check env install serve status uninstall ask help" -f -a "serve" -d 'Answer SERVICE.PROJECT.test and NUMBER.SERVICE.PROJECT.test on this machine'
complete -c rcompose -n "__fish_rcompose_using_subcommand dns; and not __fish_seen_subcommand_from check env install serve status uninstall ask help" -f -a "status" -d 'Show whether this system asks `dns serve` for its names, and whether that answers'
complete -c rcompose -n "__fish_rcompose_using_subcommand dns; and not __fish_seen_subcommand_from check env install serve status uninstall ask help" -f -a "uninstall" -d 'Take back what `dns install` has changed, and nothing else'
complete -c rcompose -n "__fish_rcompose_using_subcommand dns; and not __fish_seen_subcommand_from check env install serve status uninstall ask help" -f -a "ask" -d 'Ask a server for names, and show what it says as lines of JSON'
complete -c rcompose -n "__fish_rcompose_using_subcommand dns; and not __fish_seen_subcommand_from check env install serve status uninstall ask help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c rcompose -n "__fish_rcompose_using_subcommand dns; and __fish_seen_subcommand_from check" -l by -d 'How containers are asked' -r -f -a "auto\t'From the network namespace where that is allowed, else by a program of the image'
namespace\t'From the network namespace: as root, on the machine of the engine'
exec\t'By a program of the image: nslookup or getent'"
complete -c rcompose -n "__fish_rcompose_using_subcommand dns; and __fish_seen_subcommand_from check" -l format -d 'Format of the output: table or json' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand dns; and __fish_seen_subcommand_from check" -l dry-run -d 'Show what would be done, and change nothing'
complete -c rcompose -n "__fish_rcompose_using_subcommand dns; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rcompose -n "__fish_rcompose_using_subcommand dns; and __fish_seen_subcommand_from env" -l shell -d 'Shell to write for' -r -f -a "sh\t''
fish\t''
powershell\t''"
complete -c rcompose -n "__fish_rcompose_using_subcommand dns; and __fish_seen_subcommand_from env" -l format -d 'Write a file of variables, or an object' -r -f -a "dotenv\t''
json\t''"
complete -c rcompose -n "__fish_rcompose_using_subcommand dns; and __fish_seen_subcommand_from env" -l dry-run -d 'Show what would be done, and change nothing'
complete -c rcompose -n "__fish_rcompose_using_subcommand dns; and __fish_seen_subcommand_from env" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rcompose -n "__fish_rcompose_using_subcommand dns; and __fish_seen_subcommand_from install" -l listen -d 'Where `dns serve` answers' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand dns; and __fish_seen_subcommand_from install" -l suffix -d 'What names end in' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand dns; and __fish_seen_subcommand_from install" -l root -d 'Root of another system, whose files are meant; nothing is started again then' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand dns; and __fish_seen_subcommand_from install" -l dry-run -d 'Show what would be done, and change nothing'
complete -c rcompose -n "__fish_rcompose_using_subcommand dns; and __fish_seen_subcommand_from install" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rcompose -n "__fish_rcompose_using_subcommand dns; and __fish_seen_subcommand_from serve" -l listen -d 'Address and port to answer on, or a port (0: any that is free)' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand dns; and __fish_seen_subcommand_from serve" -l suffix -d 'What names end in' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand dns; and __fish_seen_subcommand_from serve" -l dry-run -d 'Show what would be done, and change nothing'
complete -c rcompose -n "__fish_rcompose_using_subcommand dns; and __fish_seen_subcommand_from serve" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rcompose -n "__fish_rcompose_using_subcommand dns; and __fish_seen_subcommand_from status" -l suffix -d 'What names end in' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand dns; and __fish_seen_subcommand_from status" -l root -d 'Root of another system, whose files are meant; nothing is started again then' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand dns; and __fish_seen_subcommand_from status" -l dry-run -d 'Show what would be done, and change nothing'
complete -c rcompose -n "__fish_rcompose_using_subcommand dns; and __fish_seen_subcommand_from status" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rcompose -n "__fish_rcompose_using_subcommand dns; and __fish_seen_subcommand_from uninstall" -l suffix -d 'What names end in' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand dns; and __fish_seen_subcommand_from uninstall" -l root -d 'Root of another system, whose files are meant; nothing is started again then' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand dns; and __fish_seen_subcommand_from uninstall" -l dry-run -d 'Show what would be done, and change nothing'
complete -c rcompose -n "__fish_rcompose_using_subcommand dns; and __fish_seen_subcommand_from uninstall" -s h -l help -d 'Print help'
complete -c rcompose -n "__fish_rcompose_using_subcommand dns; and __fish_seen_subcommand_from ask" -l server -d 'Address and port of the server' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand dns; and __fish_seen_subcommand_from ask" -l dry-run -d 'Show what would be done, and change nothing'
complete -c rcompose -n "__fish_rcompose_using_subcommand dns; and __fish_seen_subcommand_from ask" -s h -l help -d 'Print help'
complete -c rcompose -n "__fish_rcompose_using_subcommand dns; and __fish_seen_subcommand_from help" -f -a "check" -d 'Prove that services find each other by name, or explain why they do not'
complete -c rcompose -n "__fish_rcompose_using_subcommand dns; and __fish_seen_subcommand_from help" -f -a "env" -d 'Print where the services of this project are, as variables of a shell'
complete -c rcompose -n "__fish_rcompose_using_subcommand dns; and __fish_seen_subcommand_from help" -f -a "install" -d 'Have this system ask `dns serve` for names below `test`, and nobody else'
complete -c rcompose -n "__fish_rcompose_using_subcommand dns; and __fish_seen_subcommand_from help" -f -a "serve" -d 'Answer SERVICE.PROJECT.test and NUMBER.SERVICE.PROJECT.test on this machine'
complete -c rcompose -n "__fish_rcompose_using_subcommand dns; and __fish_seen_subcommand_from help" -f -a "status" -d 'Show whether this system asks `dns serve` for its names, and whether that answers'
complete -c rcompose -n "__fish_rcompose_using_subcommand dns; and __fish_seen_subcommand_from help" -f -a "uninstall" -d 'Take back what `dns install` has changed, and nothing else'
complete -c rcompose -n "__fish_rcompose_using_subcommand dns; and __fish_seen_subcommand_from help" -f -a "ask" -d 'Ask a server for names, and show what it says as lines of JSON'
complete -c rcompose -n "__fish_rcompose_using_subcommand dns; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c rcompose -n "__fish_rcompose_using_subcommand doctor" -l format -d 'Format of the output: pretty or json' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand doctor" -l dry-run -d 'Show what would be done, and change nothing'
complete -c rcompose -n "__fish_rcompose_using_subcommand doctor" -s h -l help -d 'Print help'
complete -c rcompose -n "__fish_rcompose_using_subcommand down" -l rmi -d 'Remove images too: all that services use, or those built here (all or local)' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand down" -s t -l timeout -d 'Seconds between stop signal and kill' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand down" -l remove-orphans -d 'Remove containers of services that are no longer in the files, and one-off containers'
complete -c rcompose -n "__fish_rcompose_using_subcommand down" -s v -l volumes -d 'Remove named volumes and anonymous ones, and their data'
complete -c rcompose -n "__fish_rcompose_using_subcommand down" -l fast -d 'Tell all containers to stop at once, instead of dependents before what they depend on'
complete -c rcompose -n "__fish_rcompose_using_subcommand down" -l dry-run -d 'Show what would be done, and change nothing'
complete -c rcompose -n "__fish_rcompose_using_subcommand down" -s h -l help -d 'Print help'
complete -c rcompose -n "__fish_rcompose_using_subcommand events" -l since -d 'Also what happened since this time, or age such as 42m' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand events" -l until -d 'End at this time' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand events" -l json -d 'Show each event as a line of JSON'
complete -c rcompose -n "__fish_rcompose_using_subcommand events" -l dry-run -d 'Show what would be done, and change nothing'
complete -c rcompose -n "__fish_rcompose_using_subcommand events" -s h -l help -d 'Print help'
complete -c rcompose -n "__fish_rcompose_using_subcommand exec" -s e -l env -d 'Set a variable (NAME=VALUE)' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand exec" -l index -d 'Number of the container, of a service with several' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand exec" -s u -l user -d 'Run as this user' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand exec" -s w -l workdir -d 'Run in this folder' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand exec" -s i -l interactive -d 'Keep standard input open, as is the default' -r -f -a "true\t''
false\t''"
complete -c rcompose -n "__fish_rcompose_using_subcommand exec" -s d -l detach -d 'Leave the command to itself'
complete -c rcompose -n "__fish_rcompose_using_subcommand exec" -s T -l no-tty -d 'Run without a terminal (the default where standard output is none)'
complete -c rcompose -n "__fish_rcompose_using_subcommand exec" -l privileged -d 'Give the command all capabilities'
complete -c rcompose -n "__fish_rcompose_using_subcommand exec" -s t -l tty -d 'Run with a terminal, as is the default'
complete -c rcompose -n "__fish_rcompose_using_subcommand exec" -l dry-run -d 'Show what would be done, and change nothing'
complete -c rcompose -n "__fish_rcompose_using_subcommand exec" -s h -l help -d 'Print help'
complete -c rcompose -n "__fish_rcompose_using_subcommand export" -s o -l output -d 'Write to this file instead of standard output' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand export" -l index -d 'Number of the container, of a service with several' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand export" -l dry-run -d 'Show what would be done, and change nothing'
complete -c rcompose -n "__fish_rcompose_using_subcommand export" -s h -l help -d 'Print help'
complete -c rcompose -n "__fish_rcompose_using_subcommand explain" -l json -d 'Show it as JSON'
complete -c rcompose -n "__fish_rcompose_using_subcommand explain" -l dry-run -d 'Show what would be done, and change nothing'
complete -c rcompose -n "__fish_rcompose_using_subcommand explain" -s h -l help -d 'Print help'
complete -c rcompose -n "__fish_rcompose_using_subcommand gc" -l older-than -d 'Age of what is removed where its holder cannot be looked for: after another boot, of another machine' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand gc" -l dry-run -d 'Show what would be done, and change nothing'
complete -c rcompose -n "__fish_rcompose_using_subcommand gc" -s h -l help -d 'Print help'
complete -c rcompose -n "__fish_rcompose_using_subcommand images" -l format -d 'Format of the output: table or json' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand images" -s q -l quiet -d 'IDs alone'
complete -c rcompose -n "__fish_rcompose_using_subcommand images" -l dry-run -d 'Show what would be done, and change nothing'
complete -c rcompose -n "__fish_rcompose_using_subcommand images" -s h -l help -d 'Print help'
complete -c rcompose -n "__fish_rcompose_using_subcommand kill" -s s -l signal -d 'Signal to send' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand kill" -l remove-orphans -d 'Send it to containers of services that are no longer in the files, too'
complete -c rcompose -n "__fish_rcompose_using_subcommand kill" -l dry-run -d 'Show what would be done, and change nothing'
complete -c rcompose -n "__fish_rcompose_using_subcommand kill" -s h -l help -d 'Print help'
complete -c rcompose -n "__fish_rcompose_using_subcommand lint" -l allow -d 'Do not look for this rule' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand lint" -l warn -d 'Make findings of this rule warnings' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand lint" -l deny -d 'Make findings of this rule errors' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand lint" -l fail-on -d 'Findings of this weight or more end it with exit code 1: error, warning, info or never' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand lint" -l format -d 'Format of the output: plain, json (an object a line), sarif or github' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand lint" -l explain -d 'Say why a rule is one, and what to do instead' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand lint" -l rules -d 'List all rules'
complete -c rcompose -n "__fish_rcompose_using_subcommand lint" -l dry-run -d 'Show what would be done, and change nothing'
complete -c rcompose -n "__fish_rcompose_using_subcommand lint" -s h -l help -d 'Print help'
complete -c rcompose -n "__fish_rcompose_using_subcommand lock" -s u -l upgrade -d 'Ask for images again that are locked already'
complete -c rcompose -n "__fish_rcompose_using_subcommand lock" -l check -d 'Write nothing, ask nobody: fail if the lock lacks something, or has what nothing uses'
complete -c rcompose -n "__fish_rcompose_using_subcommand lock" -l dry-run -d 'Show what would be done, and change nothing'
complete -c rcompose -n "__fish_rcompose_using_subcommand lock" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rcompose -n "__fish_rcompose_using_subcommand logs" -s n -l tail -d 'Number of lines from the end of each container\'s output, or all' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand logs" -l since -d 'Only what was written since then: a time (2013-01-02T13:23:37Z) or how long ago (42m)' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand logs" -l until -d 'Only what was written until then: a time (2013-01-02T13:23:37Z) or how long ago (42m)' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand logs" -l index -d 'The container with this number, of one service' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand logs" -s f -l follow -d 'Go on with what containers write from now on'
complete -c rcompose -n "__fish_rcompose_using_subcommand logs" -s t -l timestamps -d 'Show the time of each line'
complete -c rcompose -n "__fish_rcompose_using_subcommand logs" -l no-color -d 'Show output without colours'
complete -c rcompose -n "__fish_rcompose_using_subcommand logs" -l no-log-prefix -d 'Show output without the names of containers'
complete -c rcompose -n "__fish_rcompose_using_subcommand logs" -l dry-run -d 'Show what would be done, and change nothing'
complete -c rcompose -n "__fish_rcompose_using_subcommand logs" -s h -l help -d 'Print help'
complete -c rcompose -n "__fish_rcompose_using_subcommand ls" -l filter -d 'Only projects with this name, or a name that this expression finds (name=EXPRESSION)' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand ls" -l format -d 'Format of the output: table or json' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand ls" -s a -l all -d 'Also projects of which nothing runs'
complete -c rcompose -n "__fish_rcompose_using_subcommand ls" -s q -l quiet -d 'Names alone'
complete -c rcompose -n "__fish_rcompose_using_subcommand ls" -l dry-run -d 'Show what would be done, and change nothing'
complete -c rcompose -n "__fish_rcompose_using_subcommand ls" -s h -l help -d 'Print help'
complete -c rcompose -n "__fish_rcompose_using_subcommand pause" -l dry-run -d 'Show what would be done, and change nothing'
complete -c rcompose -n "__fish_rcompose_using_subcommand pause" -s h -l help -d 'Print help'
complete -c rcompose -n "__fish_rcompose_using_subcommand plan" -l scale -d 'Number of containers of a service' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand plan" -s t -l timeout -d 'Seconds between stop signal and kill' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand plan" -l pull -d 'When to pull images: always, missing, never, or build to make them instead' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand plan" -l force-recreate -d 'Replace containers even if nothing has changed'
complete -c rcompose -n "__fish_rcompose_using_subcommand plan" -l no-recreate -d 'Keep containers even if something has changed'
complete -c rcompose -n "__fish_rcompose_using_subcommand plan" -l always-recreate-deps -d 'Replace containers of dependencies too'
complete -c rcompose -n "__fish_rcompose_using_subcommand plan" -s V -l renew-anon-volumes -d 'Give replaced containers new anonymous volumes'
complete -c rcompose -n "__fish_rcompose_using_subcommand plan" -l no-deps -d 'Leave out what the services depend on'
complete -c rcompose -n "__fish_rcompose_using_subcommand plan" -l no-start -d 'Create containers, but start none'
complete -c rcompose -n "__fish_rcompose_using_subcommand plan" -l remove-orphans -d 'Remove containers of services that are no longer in the files'
complete -c rcompose -n "__fish_rcompose_using_subcommand plan" -l quiet-pull -d 'Pull without showing how far it is'
complete -c rcompose -n "__fish_rcompose_using_subcommand plan" -l build -d 'Build images first, even if they are there'
complete -c rcompose -n "__fish_rcompose_using_subcommand plan" -l no-build -d 'Build no images, even if they are not there'
complete -c rcompose -n "__fish_rcompose_using_subcommand plan" -l quiet-build -d 'Show no output of builds'
complete -c rcompose -n "__fish_rcompose_using_subcommand plan" -l locked -d 'Use exactly the images of `compose.lock.yaml`'
complete -c rcompose -n "__fish_rcompose_using_subcommand plan" -s y -l yes -d 'Ask nothing: volumes that are configured differently are made anew, which loses their data'
complete -c rcompose -n "__fish_rcompose_using_subcommand plan" -l json -d 'Show it as JSON'
complete -c rcompose -n "__fish_rcompose_using_subcommand plan" -l detailed-exitcode -d 'End with 2 if there is something to do, 0 if there is nothing'
complete -c rcompose -n "__fish_rcompose_using_subcommand plan" -l dry-run -d 'Show what would be done, and change nothing'
complete -c rcompose -n "__fish_rcompose_using_subcommand plan" -s h -l help -d 'Print help'
complete -c rcompose -n "__fish_rcompose_using_subcommand port" -l protocol -d 'Protocol of the port: tcp or udp' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand port" -l index -d 'Number of the container, of a service with several' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand port" -l dry-run -d 'Show what would be done, and change nothing'
complete -c rcompose -n "__fish_rcompose_using_subcommand port" -s h -l help -d 'Print help'
complete -c rcompose -n "__fish_rcompose_using_subcommand ps" -l format -d 'Format of the output: table, json, raw, TEMPLATE or `table TEMPLATE`' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand ps" -l status -d 'Only containers in this state' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand ps" -l filter -d 'Only containers in this state (status=STATE)' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand ps" -l orphans -d 'Also containers of services that are not in the files' -r -f -a "true\t''
false\t''"
complete -c rcompose -n "__fish_rcompose_using_subcommand ps" -s a -l all -d 'Also containers that do not run, and one-off containers'
complete -c rcompose -n "__fish_rcompose_using_subcommand ps" -s q -l quiet -d 'IDs alone'
complete -c rcompose -n "__fish_rcompose_using_subcommand ps" -l services -d 'Names of services alone'
complete -c rcompose -n "__fish_rcompose_using_subcommand ps" -l no-trunc -d 'Cut nothing short'
complete -c rcompose -n "__fish_rcompose_using_subcommand ps" -l dry-run -d 'Show what would be done, and change nothing'
complete -c rcompose -n "__fish_rcompose_using_subcommand ps" -s h -l help -d 'Print help'
complete -c rcompose -n "__fish_rcompose_using_subcommand publish" -l oci-version -d 'Version of the artifact\'s form, 1.0 or 1.1 (the newest that the registry takes)' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand publish" -l app -d 'Publish the images of services beside it'
complete -c rcompose -n "__fish_rcompose_using_subcommand publish" -l resolve-image-digests -d 'Pin the tags of images to digests'
complete -c rcompose -n "__fish_rcompose_using_subcommand publish" -l with-env -d 'Include env files'
complete -c rcompose -n "__fish_rcompose_using_subcommand publish" -s y -l yes -d 'Answer all questions with yes'
complete -c rcompose -n "__fish_rcompose_using_subcommand publish" -l insecure-registry -d 'Speak to the registry without encryption'
complete -c rcompose -n "__fish_rcompose_using_subcommand publish" -l dry-run -d 'Show what would be done, and change nothing'
complete -c rcompose -n "__fish_rcompose_using_subcommand publish" -s h -l help -d 'Print help'
complete -c rcompose -n "__fish_rcompose_using_subcommand pull" -l policy -d 'When to pull: missing or always' -r -f -a "missing\t''
always\t''"
complete -c rcompose -n "__fish_rcompose_using_subcommand pull" -l ignore-buildable -d 'Leave out images that can be built'
complete -c rcompose -n "__fish_rcompose_using_subcommand pull" -l ignore-pull-failures -d 'End well even if images cannot be pulled'
complete -c rcompose -n "__fish_rcompose_using_subcommand pull" -l include-deps -d 'Pull images of dependencies too'
complete -c rcompose -n "__fish_rcompose_using_subcommand pull" -l locked -d 'Pull exactly what `compose.lock.yaml` says'
complete -c rcompose -n "__fish_rcompose_using_subcommand pull" -s q -l quiet -d 'Pull without showing how far it is'
complete -c rcompose -n "__fish_rcompose_using_subcommand pull" -l parallel -d 'Does nothing, as images are pulled at once anyway'
complete -c rcompose -n "__fish_rcompose_using_subcommand pull" -l no-parallel -d 'Does nothing'
complete -c rcompose -n "__fish_rcompose_using_subcommand pull" -l dry-run -d 'Show what would be done, and change nothing'
complete -c rcompose -n "__fish_rcompose_using_subcommand pull" -s h -l help -d 'Print help'
complete -c rcompose -n "__fish_rcompose_using_subcommand push" -l ignore-push-failures -d 'End well even if images cannot be pushed'
complete -c rcompose -n "__fish_rcompose_using_subcommand push" -l include-deps -d 'Push images of dependencies too'
complete -c rcompose -n "__fish_rcompose_using_subcommand push" -s q -l quiet -d 'Push without showing how far it is'
complete -c rcompose -n "__fish_rcompose_using_subcommand push" -l dry-run -d 'Show what would be done, and change nothing'
complete -c rcompose -n "__fish_rcompose_using_subcommand push" -s h -l help -d 'Print help'
complete -c rcompose -n "__fish_rcompose_using_subcommand restart" -s t -l timeout -d 'Seconds between stop signal and kill' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand restart" -l no-deps -d 'Leave alone the services that restart with those'
complete -c rcompose -n "__fish_rcompose_using_subcommand restart" -l dry-run -d 'Show what would be done, and change nothing'
complete -c rcompose -n "__fish_rcompose_using_subcommand restart" -s h -l help -d 'Print help'
complete -c rcompose -n "__fish_rcompose_using_subcommand rm" -s f -l force -d 'Do not ask'
complete -c rcompose -n "__fish_rcompose_using_subcommand rm" -s s -l stop -d 'Stop containers before'
complete -c rcompose -n "__fish_rcompose_using_subcommand rm" -s v -l volumes -d 'Remove anonymous volumes too'
complete -c rcompose -n "__fish_rcompose_using_subcommand rm" -s a -l all -d 'Does nothing: one-off containers are never removed here'
complete -c rcompose -n "__fish_rcompose_using_subcommand rm" -l dry-run -d 'Show what would be done, and change nothing'
complete -c rcompose -n "__fish_rcompose_using_subcommand rm" -s h -l help -d 'Print help'
complete -c rcompose -n "__fish_rcompose_using_subcommand run" -s e -l env -d 'Set a variable (NAME=VALUE, or NAME with the value it has here)' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand run" -l env-from-file -d 'File of variables to set; those of --env win' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand run" -s l -l label -d 'Set a label (NAME=VALUE)' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand run" -l name -d 'Name of the container' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand run" -s u -l user -d 'Run as this user' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand run" -s w -l workdir -d 'Run in this folder' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand run" -l entrypoint -d 'Entrypoint instead of the image\'s' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand run" -s v -l volume -d 'Mount a folder or volume (SOURCE:TARGET[:OPTIONS], or TARGET alone)' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand run" -s p -l publish -d 'Publish a port ([[ADDRESS:]PORT:]CONTAINER[/PROTOCOL])' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand run" -l cap-add -d 'Add a capability' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand run" -l cap-drop -d 'Take a capability away' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand run" -s i -l interactive -d 'Keep standard input open, as is the default' -r -f -a "true\t''
false\t''"
complete -c rcompose -n "__fish_rcompose_using_subcommand run" -l pull -d 'When to pull images: always, missing, never, or build to make them instead' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand run" -s d -l detach -d 'Leave the container to itself, and print its ID'
complete -c rcompose -n "__fish_rcompose_using_subcommand run" -l rm -d 'Remove the container when it has ended'
complete -c rcompose -n "__fish_rcompose_using_subcommand run" -s P -l service-ports -d 'Publish the ports of the service'
complete -c rcompose -n "__fish_rcompose_using_subcommand run" -l use-aliases -d 'Give the container the names of the service on its networks'
complete -c rcompose -n "__fish_rcompose_using_subcommand run" -l no-deps -d 'Start nothing that the service depends on'
complete -c rcompose -n "__fish_rcompose_using_subcommand run" -s T -l no-tty -d 'Run without a terminal (the default where standard output is none)'
complete -c rcompose -n "__fish_rcompose_using_subcommand run" -s t -l tty -d 'Run with a terminal, as is the default'
complete -c rcompose -n "__fish_rcompose_using_subcommand run" -l remove-orphans -d 'Remove containers of services that are no longer in the files'
complete -c rcompose -n "__fish_rcompose_using_subcommand run" -l build -d 'Build the image first, even if it is there'
complete -c rcompose -n "__fish_rcompose_using_subcommand run" -l quiet-build -d 'Show no output of builds'
complete -c rcompose -n "__fish_rcompose_using_subcommand run" -l quiet-pull -d 'Pull without showing how far it is'
complete -c rcompose -n "__fish_rcompose_using_subcommand run" -l locked -d 'Use exactly the images of `compose.lock.yaml`'
complete -c rcompose -n "__fish_rcompose_using_subcommand run" -s q -l quiet -d 'Show no progress, but what the command writes alone'
complete -c rcompose -n "__fish_rcompose_using_subcommand run" -l dry-run -d 'Show what would be done, and change nothing'
complete -c rcompose -n "__fish_rcompose_using_subcommand run" -s h -l help -d 'Print help'
complete -c rcompose -n "__fish_rcompose_using_subcommand scale" -l no-deps -d 'Leave out what the services depend on'
complete -c rcompose -n "__fish_rcompose_using_subcommand scale" -l dry-run -d 'Show what would be done, and change nothing'
complete -c rcompose -n "__fish_rcompose_using_subcommand scale" -s h -l help -d 'Print help'
complete -c rcompose -n "__fish_rcompose_using_subcommand start" -l wait-timeout -d 'Seconds to wait for that at the most (0: without end)' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand start" -l wait -d 'Return once the containers are healthy, or run if they have no health check'
complete -c rcompose -n "__fish_rcompose_using_subcommand start" -l dry-run -d 'Show what would be done, and change nothing'
complete -c rcompose -n "__fish_rcompose_using_subcommand start" -s h -l help -d 'Print help'
complete -c rcompose -n "__fish_rcompose_using_subcommand stats" -l format -d 'Format of the output: table, json, TEMPLATE or `table TEMPLATE`' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand stats" -s a -l all -d 'Also containers that do not run'
complete -c rcompose -n "__fish_rcompose_using_subcommand stats" -l no-stream -d 'Show it once'
complete -c rcompose -n "__fish_rcompose_using_subcommand stats" -l no-trunc -d 'Cut nothing short'
complete -c rcompose -n "__fish_rcompose_using_subcommand stats" -l dry-run -d 'Show what would be done, and change nothing'
complete -c rcompose -n "__fish_rcompose_using_subcommand stats" -s h -l help -d 'Print help'
complete -c rcompose -n "__fish_rcompose_using_subcommand stop" -s t -l timeout -d 'Seconds between stop signal and kill' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand stop" -l dry-run -d 'Show what would be done, and change nothing'
complete -c rcompose -n "__fish_rcompose_using_subcommand stop" -s h -l help -d 'Print help'
complete -c rcompose -n "__fish_rcompose_using_subcommand test" -s e -l env -d 'Set a variable (NAME=VALUE, or NAME with the value it has here)' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand test" -l entrypoint -d 'Entrypoint instead of the image\'s' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand test" -s u -l user -d 'Run as this user' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand test" -s w -l workdir -d 'Run in this folder' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand test" -l env-file -d 'Write ports and names of the services to this file, as variables' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand test" -l junit -d 'Write the outcome to this file, as `JUnit`' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand test" -l report -d 'Write output, containers and outcome of all services to this folder' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand test" -l logs -d 'When the output of all services is shown' -r -f -a "always\t'At the end of each job'
failure\t'If something has failed'
never\t'Not at all'"
complete -c rcompose -n "__fish_rcompose_using_subcommand test" -l older-than -d 'Age of what is removed where its holder cannot be looked for' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand test" -l wait-timeout -d 'Seconds to wait at the most until all is ready (0: without end)' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand test" -l scale -d 'Number of containers of a service' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand test" -s t -l timeout -d 'Seconds between stop signal and kill' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand test" -l pull -d 'When to pull images: always, missing, never, or build to make them instead' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand test" -l free-ports -d 'Let the engine choose all published ports, and leave out `container_name`, so that several jobs can run side by side'
complete -c rcompose -n "__fish_rcompose_using_subcommand test" -l keep -d 'Leave all there at the end, for a look'
complete -c rcompose -n "__fish_rcompose_using_subcommand test" -l no-gc -d 'Leave what other jobs have left'
complete -c rcompose -n "__fish_rcompose_using_subcommand test" -l no-deps -d 'Leave out what the services depend on'
complete -c rcompose -n "__fish_rcompose_using_subcommand test" -l quiet-pull -d 'Pull without showing how far it is'
complete -c rcompose -n "__fish_rcompose_using_subcommand test" -l build -d 'Build images first, even if they are there'
complete -c rcompose -n "__fish_rcompose_using_subcommand test" -l no-build -d 'Build no images, even if they are not there'
complete -c rcompose -n "__fish_rcompose_using_subcommand test" -l quiet-build -d 'Show no output of builds'
complete -c rcompose -n "__fish_rcompose_using_subcommand test" -l locked -d 'Use exactly the images of `compose.lock.yaml`'
complete -c rcompose -n "__fish_rcompose_using_subcommand test" -s y -l yes -d 'Take projects from elsewhere without asking'
complete -c rcompose -n "__fish_rcompose_using_subcommand test" -l dry-run -d 'Show what would be done, and change nothing'
complete -c rcompose -n "__fish_rcompose_using_subcommand test" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rcompose -n "__fish_rcompose_using_subcommand top" -l dry-run -d 'Show what would be done, and change nothing'
complete -c rcompose -n "__fish_rcompose_using_subcommand top" -s h -l help -d 'Print help'
complete -c rcompose -n "__fish_rcompose_using_subcommand unpause" -l dry-run -d 'Show what would be done, and change nothing'
complete -c rcompose -n "__fish_rcompose_using_subcommand unpause" -s h -l help -d 'Print help'
complete -c rcompose -n "__fish_rcompose_using_subcommand up" -l scale -d 'Number of containers of a service' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand up" -s t -l timeout -d 'Seconds between stop signal and kill' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand up" -l pull -d 'When to pull images: always, missing, never, or build to make them instead' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand up" -l attach -d 'Show the output of these services only' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand up" -l no-attach -d 'Show no output of these services' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand up" -l wait-timeout -d 'Seconds to wait for that at the most (0: without end)' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand up" -l exit-code-from -d 'End with the exit code of this service; implies --abort-on-container-exit' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand up" -l dns -d 'Answer names of the services at ADDRESS:PORT meanwhile, as `dns serve` does (default: 127.0.0.1:5300)' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand up" -l dns-suffix -d 'What these names end in' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand up" -l menu -d 'Offer keys on a terminal (true, unless `COMPOSE_MENU` says otherwise)' -r -f -a "true\t''
false\t''"
complete -c rcompose -n "__fish_rcompose_using_subcommand up" -l trace -d 'Write what the time was spent on to a file that trace viewers open' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand up" -l report -d 'Write output, containers and outcome of all services to this folder when it is over' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand up" -l force-recreate -d 'Replace containers even if nothing has changed'
complete -c rcompose -n "__fish_rcompose_using_subcommand up" -l no-recreate -d 'Keep containers even if something has changed'
complete -c rcompose -n "__fish_rcompose_using_subcommand up" -l always-recreate-deps -d 'Replace containers of dependencies too'
complete -c rcompose -n "__fish_rcompose_using_subcommand up" -s V -l renew-anon-volumes -d 'Give replaced containers new anonymous volumes'
complete -c rcompose -n "__fish_rcompose_using_subcommand up" -l no-deps -d 'Leave out what the services depend on'
complete -c rcompose -n "__fish_rcompose_using_subcommand up" -l no-start -d 'Create containers, but start none'
complete -c rcompose -n "__fish_rcompose_using_subcommand up" -l remove-orphans -d 'Remove containers of services that are no longer in the files'
complete -c rcompose -n "__fish_rcompose_using_subcommand up" -l quiet-pull -d 'Pull without showing how far it is'
complete -c rcompose -n "__fish_rcompose_using_subcommand up" -l build -d 'Build images first, even if they are there'
complete -c rcompose -n "__fish_rcompose_using_subcommand up" -l no-build -d 'Build no images, even if they are not there'
complete -c rcompose -n "__fish_rcompose_using_subcommand up" -l quiet-build -d 'Show no output of builds'
complete -c rcompose -n "__fish_rcompose_using_subcommand up" -l locked -d 'Use exactly the images of `compose.lock.yaml`'
complete -c rcompose -n "__fish_rcompose_using_subcommand up" -s y -l yes -d 'Ask nothing: volumes that are configured differently are made anew, which loses their data'
complete -c rcompose -n "__fish_rcompose_using_subcommand up" -l plan -d 'Show what would be done, and why, and change nothing'
complete -c rcompose -n "__fish_rcompose_using_subcommand up" -s d -l detach -d 'Return once the containers run'
complete -c rcompose -n "__fish_rcompose_using_subcommand up" -l attach-dependencies -d 'Show the output of dependencies too'
complete -c rcompose -n "__fish_rcompose_using_subcommand up" -l wait -d 'Return once the containers are healthy, or run if they have no health check'
complete -c rcompose -n "__fish_rcompose_using_subcommand up" -l abort-on-container-exit -d 'Stop all containers when one ends'
complete -c rcompose -n "__fish_rcompose_using_subcommand up" -l abort-on-container-failure -d 'Stop all containers when one fails'
complete -c rcompose -n "__fish_rcompose_using_subcommand up" -l no-color -d 'Show output without colours'
complete -c rcompose -n "__fish_rcompose_using_subcommand up" -l no-log-prefix -d 'Show output without the names of containers'
complete -c rcompose -n "__fish_rcompose_using_subcommand up" -l timestamps -d 'Show the time before each line of output'
complete -c rcompose -n "__fish_rcompose_using_subcommand up" -s w -l watch -d 'Take changed files over into containers, as `develop.watch` says'
complete -c rcompose -n "__fish_rcompose_using_subcommand up" -l timings -d 'Show what the time was spent on, chain by chain'
complete -c rcompose -n "__fish_rcompose_using_subcommand up" -l dry-run -d 'Show what would be done, and change nothing'
complete -c rcompose -n "__fish_rcompose_using_subcommand up" -s h -l help -d 'Print help'
complete -c rcompose -n "__fish_rcompose_using_subcommand version" -s f -l format -d 'Format of the output: pretty or json' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand version" -l short -d 'Show the number alone'
complete -c rcompose -n "__fish_rcompose_using_subcommand version" -l dry-run -d 'Show what would be done, and change nothing'
complete -c rcompose -n "__fish_rcompose_using_subcommand version" -s h -l help -d 'Print help'
complete -c rcompose -n "__fish_rcompose_using_subcommand volumes" -l format -d 'Format of the output: table, json, raw, TEMPLATE or `table TEMPLATE`' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand volumes" -s q -l quiet -d 'Names alone'
complete -c rcompose -n "__fish_rcompose_using_subcommand volumes" -l dry-run -d 'Show what would be done, and change nothing'
complete -c rcompose -n "__fish_rcompose_using_subcommand volumes" -s h -l help -d 'Print help'
complete -c rcompose -n "__fish_rcompose_using_subcommand wait" -l down-project -d 'Remove the project then'
complete -c rcompose -n "__fish_rcompose_using_subcommand wait" -l dry-run -d 'Show what would be done, and change nothing'
complete -c rcompose -n "__fish_rcompose_using_subcommand wait" -s h -l help -d 'Print help'
complete -c rcompose -n "__fish_rcompose_using_subcommand watch" -l prune -d 'Remove images that have lost their names to new ones' -r -f -a "true\t''
false\t''"
complete -c rcompose -n "__fish_rcompose_using_subcommand watch" -l explain -d 'Say which rules a path is watched by, or what leaves it out, and watch nothing' -r
complete -c rcompose -n "__fish_rcompose_using_subcommand watch" -l no-up -d 'Do not build and start the services first'
complete -c rcompose -n "__fish_rcompose_using_subcommand watch" -l quiet -d 'Show nothing of builds'
complete -c rcompose -n "__fish_rcompose_using_subcommand watch" -l dry-run -d 'Show what would be done, and change nothing'
complete -c rcompose -n "__fish_rcompose_using_subcommand watch" -s h -l help -d 'Print help'
complete -c rcompose -n "__fish_rcompose_using_subcommand help; and not __fish_seen_subcommand_from analyze attach build ci commit config cp create dns doctor down events exec export explain gc images kill lint lock logs ls pause plan port ps publish pull push restart rm run scale start stats stop test top unpause up version volumes wait watch help" -f -a "analyze" -d 'Show what the time until the containers were ready was spent on'
complete -c rcompose -n "__fish_rcompose_using_subcommand help; and not __fish_seen_subcommand_from analyze attach build ci commit config cp create dns doctor down events exec export explain gc images kill lint lock logs ls pause plan port ps publish pull push restart rm run scale start stats stop test top unpause up version volumes wait watch help" -f -a "attach" -d 'Connect to what a container reads and writes'
complete -c rcompose -n "__fish_rcompose_using_subcommand help; and not __fish_seen_subcommand_from analyze attach build ci commit config cp create dns doctor down events exec export explain gc images kill lint lock logs ls pause plan port ps publish pull push restart rm run scale start stats stop test top unpause up version volumes wait watch help" -f -a "build" -d 'Build or rebuild images of services'
complete -c rcompose -n "__fish_rcompose_using_subcommand help; and not __fish_seen_subcommand_from analyze attach build ci commit config cp create dns doctor down events exec export explain gc images kill lint lock logs ls pause plan port ps publish pull push restart rm run scale start stats stop test top unpause up version volumes wait watch help" -f -a "ci" -d 'Bring up a throw-away stack, run a command beside it, and take all down'
complete -c rcompose -n "__fish_rcompose_using_subcommand help; and not __fish_seen_subcommand_from analyze attach build ci commit config cp create dns doctor down events exec export explain gc images kill lint lock logs ls pause plan port ps publish pull push restart rm run scale start stats stop test top unpause up version volumes wait watch help" -f -a "commit" -d 'Make an image of a container'
complete -c rcompose -n "__fish_rcompose_using_subcommand help; and not __fish_seen_subcommand_from analyze attach build ci commit config cp create dns doctor down events exec export explain gc images kill lint lock logs ls pause plan port ps publish pull push restart rm run scale start stats stop test top unpause up version volumes wait watch help" -f -a "config" -d 'Parse, resolve and print the project in canonical form'
complete -c rcompose -n "__fish_rcompose_using_subcommand help; and not __fish_seen_subcommand_from analyze attach build ci commit config cp create dns doctor down events exec export explain gc images kill lint lock logs ls pause plan port ps publish pull push restart rm run scale start stats stop test top unpause up version volumes wait watch help" -f -a "cp" -d 'Copy files and folders between containers and this machine'
complete -c rcompose -n "__fish_rcompose_using_subcommand help; and not __fish_seen_subcommand_from analyze attach build ci commit config cp create dns doctor down events exec export explain gc images kill lint lock logs ls pause plan port ps publish pull push restart rm run scale start stats stop test top unpause up version volumes wait watch help" -f -a "create" -d 'Create containers, but start none'
complete -c rcompose -n "__fish_rcompose_using_subcommand help; and not __fish_seen_subcommand_from analyze attach build ci commit config cp create dns doctor down events exec export explain gc images kill lint lock logs ls pause plan port ps publish pull push restart rm run scale start stats stop test top unpause up version volumes wait watch help" -f -a "dns" -d 'Reach services by name, and prove that they reach each other'
complete -c rcompose -n "__fish_rcompose_using_subcommand help; and not __fish_seen_subcommand_from analyze attach build ci commit config cp create dns doctor down events exec export explain gc images kill lint lock logs ls pause plan port ps publish pull push restart rm run scale start stats stop test top unpause up version volumes wait watch help" -f -a "doctor" -d 'Show which engines there are, which one is used, and what is wrong'
complete -c rcompose -n "__fish_rcompose_using_subcommand help; and not __fish_seen_subcommand_from analyze attach build ci commit config cp create dns doctor down events exec export explain gc images kill lint lock logs ls pause plan port ps publish pull push restart rm run scale start stats stop test top unpause up version volumes wait watch help" -f -a "down" -d 'Stop and remove containers and networks'
complete -c rcompose -n "__fish_rcompose_using_subcommand help; and not __fish_seen_subcommand_from analyze attach build ci commit config cp create dns doctor down events exec export explain gc images kill lint lock logs ls pause plan port ps publish pull push restart rm run scale start stats stop test top unpause up version volumes wait watch help" -f -a "events" -d 'Show what happens to containers'
complete -c rcompose -n "__fish_rcompose_using_subcommand help; and not __fish_seen_subcommand_from analyze attach build ci commit config cp create dns doctor down events exec export explain gc images kill lint lock logs ls pause plan port ps publish pull push restart rm run scale start stats stop test top unpause up version volumes wait watch help" -f -a "exec" -d 'Run a command in a running container'
complete -c rcompose -n "__fish_rcompose_using_subcommand help; and not __fish_seen_subcommand_from analyze attach build ci commit config cp create dns doctor down events exec export explain gc images kill lint lock logs ls pause plan port ps publish pull push restart rm run scale start stats stop test top unpause up version volumes wait watch help" -f -a "export" -d 'Write the files of a container as an archive (tar)'
complete -c rcompose -n "__fish_rcompose_using_subcommand help; and not __fish_seen_subcommand_from analyze attach build ci commit config cp create dns doctor down events exec export explain gc images kill lint lock logs ls pause plan port ps publish pull push restart rm run scale start stats stop test top unpause up version volumes wait watch help" -f -a "explain" -d 'Show why a service does not run or is not healthy'
complete -c rcompose -n "__fish_rcompose_using_subcommand help; and not __fish_seen_subcommand_from analyze attach build ci commit config cp create dns doctor down events exec export explain gc images kill lint lock logs ls pause plan port ps publish pull push restart rm run scale start stats stop test top unpause up version volumes wait watch help" -f -a "gc" -d 'Remove what killed `ci` and `test` jobs have left, of all projects'
complete -c rcompose -n "__fish_rcompose_using_subcommand help; and not __fish_seen_subcommand_from analyze attach build ci commit config cp create dns doctor down events exec export explain gc images kill lint lock logs ls pause plan port ps publish pull push restart rm run scale start stats stop test top unpause up version volumes wait watch help" -f -a "images" -d 'List images of containers'
complete -c rcompose -n "__fish_rcompose_using_subcommand help; and not __fish_seen_subcommand_from analyze attach build ci commit config cp create dns doctor down events exec export explain gc images kill lint lock logs ls pause plan port ps publish pull push restart rm run scale start stats stop test top unpause up version volumes wait watch help" -f -a "kill" -d 'Send a signal to containers'
complete -c rcompose -n "__fish_rcompose_using_subcommand help; and not __fish_seen_subcommand_from analyze attach build ci commit config cp create dns doctor down events exec export explain gc images kill lint lock logs ls pause plan port ps publish pull push restart rm run scale start stats stop test top unpause up version volumes wait watch help" -f -a "lint" -d 'Show what reviewers would flag in the Compose files and their Dockerfiles'
complete -c rcompose -n "__fish_rcompose_using_subcommand help; and not __fish_seen_subcommand_from analyze attach build ci commit config cp create dns doctor down events exec export explain gc images kill lint lock logs ls pause plan port ps publish pull push restart rm run scale start stats stop test top unpause up version volumes wait watch help" -f -a "lock" -d 'Write the digests of all images to `compose.lock.yaml`, for `up --locked` and others'
complete -c rcompose -n "__fish_rcompose_using_subcommand help; and not __fish_seen_subcommand_from analyze attach build ci commit config cp create dns doctor down events exec export explain gc images kill lint lock logs ls pause plan port ps publish pull push restart rm run scale start stats stop test top unpause up version volumes wait watch help" -f -a "logs" -d 'View output of containers'
complete -c rcompose -n "__fish_rcompose_using_subcommand help; and not __fish_seen_subcommand_from analyze attach build ci commit config cp create dns doctor down events exec export explain gc images kill lint lock logs ls pause plan port ps publish pull push restart rm run scale start stats stop test top unpause up version volumes wait watch help" -f -a "ls" -d 'List projects'
complete -c rcompose -n "__fish_rcompose_using_subcommand help; and not __fish_seen_subcommand_from analyze attach build ci commit config cp create dns doctor down events exec export explain gc images kill lint lock logs ls pause plan port ps publish pull push restart rm run scale start stats stop test top unpause up version volumes wait watch help" -f -a "pause" -d 'Pause containers'
complete -c rcompose -n "__fish_rcompose_using_subcommand help; and not __fish_seen_subcommand_from analyze attach build ci commit config cp create dns doctor down events exec export explain gc images kill lint lock logs ls pause plan port ps publish pull push restart rm run scale start stats stop test top unpause up version volumes wait watch help" -f -a "plan" -d 'Show what `up` would do, and why; nothing is changed'
complete -c rcompose -n "__fish_rcompose_using_subcommand help; and not __fish_seen_subcommand_from analyze attach build ci commit config cp create dns doctor down events exec export explain gc images kill lint lock logs ls pause plan port ps publish pull push restart rm run scale start stats stop test top unpause up version volumes wait watch help" -f -a "port" -d 'Show the public address of a port'
complete -c rcompose -n "__fish_rcompose_using_subcommand help; and not __fish_seen_subcommand_from analyze attach build ci commit config cp create dns doctor down events exec export explain gc images kill lint lock logs ls pause plan port ps publish pull push restart rm run scale start stats stop test top unpause up version volumes wait watch help" -f -a "ps" -d 'List containers'
complete -c rcompose -n "__fish_rcompose_using_subcommand help; and not __fish_seen_subcommand_from analyze attach build ci commit config cp create dns doctor down events exec export explain gc images kill lint lock logs ls pause plan port ps publish pull push restart rm run scale start stats stop test top unpause up version volumes wait watch help" -f -a "publish" -d 'Publish the project to a registry, from where `-f oci://REPOSITORY[:TAG]` runs it'
complete -c rcompose -n "__fish_rcompose_using_subcommand help; and not __fish_seen_subcommand_from analyze attach build ci commit config cp create dns doctor down events exec export explain gc images kill lint lock logs ls pause plan port ps publish pull push restart rm run scale start stats stop test top unpause up version volumes wait watch help" -f -a "pull" -d 'Pull images'
complete -c rcompose -n "__fish_rcompose_using_subcommand help; and not __fish_seen_subcommand_from analyze attach build ci commit config cp create dns doctor down events exec export explain gc images kill lint lock logs ls pause plan port ps publish pull push restart rm run scale start stats stop test top unpause up version volumes wait watch help" -f -a "push" -d 'Push images that are built'
complete -c rcompose -n "__fish_rcompose_using_subcommand help; and not __fish_seen_subcommand_from analyze attach build ci commit config cp create dns doctor down events exec export explain gc images kill lint lock logs ls pause plan port ps publish pull push restart rm run scale start stats stop test top unpause up version volumes wait watch help" -f -a "restart" -d 'Restart containers'
complete -c rcompose -n "__fish_rcompose_using_subcommand help; and not __fish_seen_subcommand_from analyze attach build ci commit config cp create dns doctor down events exec export explain gc images kill lint lock logs ls pause plan port ps publish pull push restart rm run scale start stats stop test top unpause up version volumes wait watch help" -f -a "rm" -d 'Remove stopped containers'
complete -c rcompose -n "__fish_rcompose_using_subcommand help; and not __fish_seen_subcommand_from analyze attach build ci commit config cp create dns doctor down events exec export explain gc images kill lint lock logs ls pause plan port ps publish pull push restart rm run scale start stats stop test top unpause up version volumes wait watch help" -f -a "run" -d 'Run a one-off command in a container of its own'
complete -c rcompose -n "__fish_rcompose_using_subcommand help; and not __fish_seen_subcommand_from analyze attach build ci commit config cp create dns doctor down events exec export explain gc images kill lint lock logs ls pause plan port ps publish pull push restart rm run scale start stats stop test top unpause up version volumes wait watch help" -f -a "scale" -d 'Set the number of containers of services'
complete -c rcompose -n "__fish_rcompose_using_subcommand help; and not __fish_seen_subcommand_from analyze attach build ci commit config cp create dns doctor down events exec export explain gc images kill lint lock logs ls pause plan port ps publish pull push restart rm run scale start stats stop test top unpause up version volumes wait watch help" -f -a "start" -d 'Start containers that are there'
complete -c rcompose -n "__fish_rcompose_using_subcommand help; and not __fish_seen_subcommand_from analyze attach build ci commit config cp create dns doctor down events exec export explain gc images kill lint lock logs ls pause plan port ps publish pull push restart rm run scale start stats stop test top unpause up version volumes wait watch help" -f -a "stats" -d 'Show what containers use of the machine, again and again'
complete -c rcompose -n "__fish_rcompose_using_subcommand help; and not __fish_seen_subcommand_from analyze attach build ci commit config cp create dns doctor down events exec export explain gc images kill lint lock logs ls pause plan port ps publish pull push restart rm run scale start stats stop test top unpause up version volumes wait watch help" -f -a "stop" -d 'Stop containers'
complete -c rcompose -n "__fish_rcompose_using_subcommand help; and not __fish_seen_subcommand_from analyze attach build ci commit config cp create dns doctor down events exec export explain gc images kill lint lock logs ls pause plan port ps publish pull push restart rm run scale start stats stop test top unpause up version volumes wait watch help" -f -a "test" -d 'Bring up what a service depends on, run the service to its end, and take all down'
complete -c rcompose -n "__fish_rcompose_using_subcommand help; and not __fish_seen_subcommand_from analyze attach build ci commit config cp create dns doctor down events exec export explain gc images kill lint lock logs ls pause plan port ps publish pull push restart rm run scale start stats stop test top unpause up version volumes wait watch help" -f -a "top" -d 'Show the processes of containers'
complete -c rcompose -n "__fish_rcompose_using_subcommand help; and not __fish_seen_subcommand_from analyze attach build ci commit config cp create dns doctor down events exec export explain gc images kill lint lock logs ls pause plan port ps publish pull push restart rm run scale start stats stop test top unpause up version volumes wait watch help" -f -a "unpause" -d 'Unpause containers'
complete -c rcompose -n "__fish_rcompose_using_subcommand help; and not __fish_seen_subcommand_from analyze attach build ci commit config cp create dns doctor down events exec export explain gc images kill lint lock logs ls pause plan port ps publish pull push restart rm run scale start stats stop test top unpause up version volumes wait watch help" -f -a "up" -d 'Create and start containers'
complete -c rcompose -n "__fish_rcompose_using_subcommand help; and not __fish_seen_subcommand_from analyze attach build ci commit config cp create dns doctor down events exec export explain gc images kill lint lock logs ls pause plan port ps publish pull push restart rm run scale start stats stop test top unpause up version volumes wait watch help" -f -a "version" -d 'Show the version'
complete -c rcompose -n "__fish_rcompose_using_subcommand help; and not __fish_seen_subcommand_from analyze attach build ci commit config cp create dns doctor down events exec export explain gc images kill lint lock logs ls pause plan port ps publish pull push restart rm run scale start stats stop test top unpause up version volumes wait watch help" -f -a "volumes" -d 'List volumes'
complete -c rcompose -n "__fish_rcompose_using_subcommand help; and not __fish_seen_subcommand_from analyze attach build ci commit config cp create dns doctor down events exec export explain gc images kill lint lock logs ls pause plan port ps publish pull push restart rm run scale start stats stop test top unpause up version volumes wait watch help" -f -a "wait" -d 'Wait until containers have ended'
complete -c rcompose -n "__fish_rcompose_using_subcommand help; and not __fish_seen_subcommand_from analyze attach build ci commit config cp create dns doctor down events exec export explain gc images kill lint lock logs ls pause plan port ps publish pull push restart rm run scale start stats stop test top unpause up version volumes wait watch help" -f -a "watch" -d 'Take changed files over into containers, as `develop.watch` says'
complete -c rcompose -n "__fish_rcompose_using_subcommand help; and not __fish_seen_subcommand_from analyze attach build ci commit config cp create dns doctor down events exec export explain gc images kill lint lock logs ls pause plan port ps publish pull push restart rm run scale start stats stop test top unpause up version volumes wait watch help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c rcompose -n "__fish_rcompose_using_subcommand help; and __fish_seen_subcommand_from dns" -f -a "check" -d 'Prove that services find each other by name, or explain why they do not'
complete -c rcompose -n "__fish_rcompose_using_subcommand help; and __fish_seen_subcommand_from dns" -f -a "env" -d 'Print where the services of this project are, as variables of a shell'
complete -c rcompose -n "__fish_rcompose_using_subcommand help; and __fish_seen_subcommand_from dns" -f -a "install" -d 'Have this system ask `dns serve` for names below `test`, and nobody else'
complete -c rcompose -n "__fish_rcompose_using_subcommand help; and __fish_seen_subcommand_from dns" -f -a "serve" -d 'Answer SERVICE.PROJECT.test and NUMBER.SERVICE.PROJECT.test on this machine'
complete -c rcompose -n "__fish_rcompose_using_subcommand help; and __fish_seen_subcommand_from dns" -f -a "status" -d 'Show whether this system asks `dns serve` for its names, and whether that answers'
complete -c rcompose -n "__fish_rcompose_using_subcommand help; and __fish_seen_subcommand_from dns" -f -a "uninstall" -d 'Take back what `dns install` has changed, and nothing else'
complete -c rcompose -n "__fish_rcompose_using_subcommand help; and __fish_seen_subcommand_from dns" -f -a "ask" -d 'Ask a server for names, and show what it says as lines of JSON'
